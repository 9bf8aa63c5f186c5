package market

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MarketDay is one day of a market. Orders for it are taken inside its window, [OpensAt, ClosesAt).
type MarketDay struct { //nolint:revive // what everyone at a market calls it
	ID        string // UUID
	MarketID  string
	Date      string // local date, YYYY-MM-DD
	OpensAt   time.Time
	ClosesAt  time.Time
	ClosedAt  time.Time // when the last order held over the end of the window was settled; zero before
	CreatedAt time.Time
	UpdatedAt time.Time
}

// DayState is how far a market day has come.
type DayState string

// The states of a market day. Only the last is stored; the others are a matter of the clock.
const (
	DayScheduled DayState = "scheduled" // the window is still to come
	DayOpen      DayState = "open"      // orders are taken
	DayClosing   DayState = "closing"   // orders placed in the window may still be paid
	DayClosed    DayState = "closed"    // what is to be harvested and packed will not change but by cancellations
)

// State is how far the day has come at the time.
func (d MarketDay) State(now time.Time) DayState {
	switch {
	case !d.ClosedAt.IsZero():
		return DayClosed
	case now.Before(d.OpensAt):
		return DayScheduled
	case now.Before(d.ClosesAt):
		return DayOpen
	}
	return DayClosing
}

// WindowError says that a market day takes no orders now. It is an ErrConflict.
type WindowError struct {
	MarketDayID string
	State       DayState
	OpensAt     time.Time
	ClosesAt    time.Time
}

func (e *WindowError) Error() string {
	if e.State == DayScheduled {
		return "market day " + e.MarketDayID + " takes orders from " + e.OpensAt.Format(time.RFC3339)
	}
	return "market day " + e.MarketDayID + " has taken no more orders since " + e.ClosesAt.Format(time.RFC3339)
}

// Is makes every WindowError an ErrConflict.
func (e *WindowError) Is(target error) bool { return target == ErrConflict }

// mustTakeOrders fails with a *WindowError outside of the window.
func (d MarketDay) mustTakeOrders(now time.Time) error {
	if state := d.State(now); state != DayOpen {
		return &WindowError{MarketDayID: d.ID, State: state, OpensAt: d.OpensAt, ClosesAt: d.ClosesAt}
	}
	return nil
}

// The years that a market day and its window can be in. Others are mistakes, some of which no database keeps.
const (
	firstYear = 2000
	lastYear  = 2100
)

func validateYear(field string, year int, value string) error {
	if year < firstYear || year > lastYear {
		return &InvalidError{Field: field, Rule: fmt.Sprintf("be in the years %d to %d", firstYear, lastYear), Value: value}
	}
	return nil
}

func (d MarketDay) validate(zone string) error {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return err
	}
	date, err := time.ParseInLocation(time.DateOnly, d.Date, location)
	if err != nil {
		return &InvalidError{Field: "date", Rule: "be a date such as 2026-03-14", Value: d.Date}
	}
	for _, err := range []error{
		validateYear("date", date.Year(), d.Date),
		validateYear("opens_at", d.OpensAt.Year(), d.OpensAt.Format(time.RFC3339)),
		validateYear("closes_at", d.ClosesAt.Year(), d.ClosesAt.Format(time.RFC3339)),
	} {
		if err != nil {
			return err
		}
	}
	if !d.ClosesAt.After(d.OpensAt) {
		return &InvalidError{Field: "closes_at", Rule: "be after opens_at", Value: d.ClosesAt.Format(time.RFC3339)}
	}
	if end := date.AddDate(0, 0, 1); d.ClosesAt.After(end) {
		return &InvalidError{Field: "closes_at", Rule: "not be after the market day", Value: d.ClosesAt.Format(time.RFC3339)}
	}
	return nil
}

// MarketDayQuery picks market days. Empty fields do not narrow the choice.
type MarketDayQuery struct { //nolint:revive // as MarketDay
	Paging
	MarketID string
	From     string   // the first date, YYYY-MM-DD
	State    DayState // open only; others are not looked for
	Now      time.Time
}

// MarketDay returns one market day. It fails with ErrNotFound.
func (p *Plan) MarketDay(ctx context.Context, id string) (MarketDay, error) {
	return p.store.MarketDay(ctx, strings.ToLower(id))
}

// MarketDays returns a page of the market days by date. It fails with ErrInvalid.
func (p *Plan) MarketDays(ctx context.Context, query MarketDayQuery) (Page[MarketDay], error) {
	if query.From != "" {
		if _, err := time.Parse(time.DateOnly, query.From); err != nil {
			return Page[MarketDay]{}, &InvalidError{Field: "from", Rule: "be a date such as 2026-03-14", Value: query.From}
		}
	}
	if !slices.Contains([]DayState{"", DayOpen}, query.State) {
		return Page[MarketDay]{}, &InvalidError{Field: "state", Rule: "be open", Value: query.State}
	}
	query.MarketID = strings.ToLower(query.MarketID)
	query.Now = p.clock.Now()
	picks := []string{"market days", query.MarketID, query.From, string(query.State)}
	var err error
	if query.Paging, err = query.normalize(picks); err != nil {
		return Page[MarketDay]{}, err
	}
	page, err := p.store.MarketDays(ctx, query)
	return withNext(page, err, picks)
}

// AddMarketDay plans a day and gives it its id. It fails with ErrForbidden, ErrInvalid, ErrNotFound and, when the market
// has a day on that date, ErrConflict.
func (p *Plan) AddMarketDay(ctx context.Context, actor Actor, day MarketDay) (MarketDay, error) {
	if err := actor.mustManage("plan a market day"); err != nil {
		return MarketDay{}, err
	}
	day.MarketID = strings.ToLower(day.MarketID)
	m, err := p.store.Market(ctx, day.MarketID)
	if err != nil {
		return MarketDay{}, err
	}
	day.OpensAt, day.ClosesAt = instant(day.OpensAt), instant(day.ClosesAt)
	if err := day.validate(m.TimeZone); err != nil {
		return MarketDay{}, err
	}
	now := p.clock.Now()
	if !day.ClosesAt.After(now) {
		return MarketDay{}, &InvalidError{
			Field: "closes_at", Rule: "be in the future, or nobody can order", Value: day.ClosesAt.Format(time.RFC3339),
		}
	}
	if day.ID, err = newID(); err != nil {
		return MarketDay{}, err
	}
	day.CreatedAt, day.UpdatedAt = now, now
	return day, p.store.AddMarketDay(ctx, day)
}

// MoveWindow changes when orders for the day are taken. unchanged decides whether the day is still as the actor saw it; nil
// when that does not matter. It fails with ErrForbidden, ErrInvalid, ErrNotFound, ErrPreconditionFailed and, when the day is
// closed, ErrConflict. Orders that were placed stay; one that waits to be paid is held no longer than it could be had it been
// placed now.
func (p *Plan) MoveWindow(
	ctx context.Context, actor Actor, id string, unchanged func(MarketDay) bool, opens, closes time.Time,
) (MarketDay, error) {
	if err := actor.mustManage("move the window of a market day"); err != nil {
		return MarketDay{}, err
	}
	id = strings.ToLower(id)
	day, err := p.store.MarketDay(ctx, id)
	if err != nil {
		return MarketDay{}, err
	}
	m, err := p.store.Market(ctx, day.MarketID)
	if err != nil {
		return MarketDay{}, err
	}
	return p.store.ChangeMarketDay(ctx, id, func(day *MarketDay) (holdUntil time.Time, err error) {
		now := p.clock.Now()
		if unchanged != nil && !unchanged(*day) {
			return time.Time{}, &PreconditionError{Kind: "market day", ID: id}
		}
		if day.State(now) == DayClosed {
			return time.Time{}, &ConflictError{Kind: "market day", ID: id, Reason: "is closed: its window cannot be moved"}
		}
		day.OpensAt, day.ClosesAt, day.UpdatedAt = instant(opens), instant(closes), now
		return p.rules.latestHold(*day), day.validate(m.TimeZone)
	})
}

// DeleteMarketDay takes a day and its offerings out of the plan. unchanged decides whether the day is still as the actor
// saw it; nil when that does not matter. It fails with ErrForbidden, ErrNotFound, ErrPreconditionFailed and, when there are
// orders for it, ErrConflict.
func (p *Plan) DeleteMarketDay(ctx context.Context, actor Actor, id string, unchanged func(MarketDay) bool) error {
	if err := actor.mustManage("delete a market day"); err != nil {
		return err
	}
	return p.store.DeleteMarketDay(ctx, strings.ToLower(id), func(day MarketDay) error {
		if unchanged != nil && !unchanged(day) {
			return &PreconditionError{Kind: "market day", ID: day.ID}
		}
		return nil
	})
}

// instant is a time as the databases keep it.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
