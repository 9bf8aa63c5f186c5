package market

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Bounds of what a market can be.
const (
	MaxName        = 120  // characters
	MaxDescription = 2000 // characters
	MaxSlots       = 48   // pick-up slots of one market
)

// Market is a place where customers collect what they ordered.
type Market struct {
	ID          string // UUID
	Name        string
	Description string
	Place       string // the town or village it is in
	Region      string
	Country     string   // ISO 3166-1 alpha-2 code
	TimeZone    string   // IANA name; the slots are in its time
	Currency    Currency // of every price at the market
	Slots       []PickupSlot
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// PickupSlot is a span of a market day in which orders are collected.
type PickupSlot struct {
	ID       string // UUID
	MarketID string
	Label    string
	StartsAt string // local time of day, HH:MM
	EndsAt   string // local time of day, HH:MM; later than StartsAt
}

// MarketDetails are what of a market can be changed. Its time zone and currency cannot: dates, windows and prices are in them.
type MarketDetails struct { //nolint:revive // a market of the market: both are what people call them
	Name        string
	Description string
	Place       string
	Region      string
	Country     string
	Slots       []PickupSlot // with the id of one that the market has, or without one
}

// timeOfDay is the layout of a slot's times.
const timeOfDay = "15:04"

func (m Market) validate() error {
	for _, field := range []struct {
		name, value string
		least, most int
	}{
		{"name", m.Name, 1, MaxName},
		{"description", m.Description, 0, MaxDescription},
		{"place", m.Place, 1, MaxName},
		{"region", m.Region, 0, MaxName},
	} {
		if err := validateText(field.name, field.value, field.least, field.most); err != nil {
			return err
		}
	}
	if len(m.Country) != 2 || strings.ToUpper(m.Country) != m.Country {
		return &InvalidError{Field: "country", Rule: "be an ISO 3166-1 alpha-2 code", Value: m.Country}
	}
	if _, err := time.LoadLocation(m.TimeZone); err != nil || m.TimeZone == "" || m.TimeZone == "Local" {
		return &InvalidError{Field: "time_zone", Rule: "be an IANA time zone such as Europe/Dublin", Value: m.TimeZone}
	}
	if !m.Currency.Valid() {
		return &InvalidError{Field: "currency", Rule: "be the ISO 4217 code of a European currency", Value: m.Currency}
	}
	return validateSlots(m.Slots)
}

func validateSlots(slots []PickupSlot) error {
	if len(slots) == 0 || len(slots) > MaxSlots {
		return &InvalidError{Field: "slots", Rule: fmt.Sprintf("be 1 to %d", MaxSlots), Value: len(slots)}
	}
	for i, slot := range slots {
		field := fmt.Sprintf("slots[%d].", i)
		if err := validateText(field+"label", slot.Label, 1, MaxName); err != nil {
			return err
		}
		starts, err := time.Parse(timeOfDay, slot.StartsAt)
		if err != nil || len(slot.StartsAt) != len(timeOfDay) {
			return &InvalidError{Field: field + "starts_at", Rule: "be a time of day such as 09:00", Value: slot.StartsAt}
		}
		ends, err := time.Parse(timeOfDay, slot.EndsAt)
		if err != nil || len(slot.EndsAt) != len(timeOfDay) || !ends.After(starts) {
			return &InvalidError{Field: field + "ends_at", Rule: "be a time of day after starts_at", Value: slot.EndsAt}
		}
	}
	return nil
}

// validateText refuses control characters, but for line breaks, and lengths out of bounds. Lengths are in characters.
func validateText(field, text string, least, most int) error {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
		return &InvalidError{Field: field, Rule: "be UTF-8 text without control characters", Value: text}
	}
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return &InvalidError{Field: field, Rule: fmt.Sprintf("have %d to %d characters", least, most), Value: text}
	}
	if strings.TrimSpace(text) != text {
		return &InvalidError{Field: field, Rule: "not begin or end with a space", Value: text}
	}
	return nil
}

// newID returns an id that sorts after the ones before it, so that new rows go to one end of an index.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

// PlanStore is what planning markets needs of a database. Its errors are of the kinds in this package.
type PlanStore interface {
	Market(ctx context.Context, id string) (Market, error)
	Markets(ctx context.Context, query MarketQuery) (Page[Market], error)
	AddMarket(ctx context.Context, m Market) error
	// ChangeMarket locks the market, lets change alter it, and saves it. It fails with ErrConflict when a slot is not there any
	// more for which there are orders that are not collected yet.
	ChangeMarket(ctx context.Context, id string, change func(*Market) error) (Market, error)

	MarketDay(ctx context.Context, id string) (MarketDay, error)
	MarketDays(ctx context.Context, query MarketDayQuery) (Page[MarketDay], error)
	// AddMarketDay fails with ErrConflict when the market has a day on that date.
	AddMarketDay(ctx context.Context, day MarketDay) error
	// ChangeMarketDay locks the day, lets change alter it, and saves it. Orders of it that wait to be paid give their units
	// back at the time that change returns, where that is sooner.
	ChangeMarketDay(ctx context.Context, id string, change func(*MarketDay) (holdUntil time.Time, err error)) (MarketDay, error)
	// DeleteMarketDay locks the day, and deletes it unless allow fails. It fails with ErrConflict when there are orders for it.
	DeleteMarketDay(ctx context.Context, id string, allow func(MarketDay) error) error

	// Offering returns the offering, on sale or not.
	Offering(ctx context.Context, id string) (Offering, error)
	// Offerings returns those that are on sale.
	Offerings(ctx context.Context, query OfferingQuery) (Page[Offering], error)
	// AddOffering fails with ErrConflict when the product is on offer on that day, and with ErrNotFound when it was deleted.
	AddOffering(ctx context.Context, offering Offering) error
	// ChangeOffering locks the offering, lets change alter it, and saves it.
	ChangeOffering(ctx context.Context, id string, change func(*Offering) error) (Offering, error)

	Product(ctx context.Context, id string) (Product, error)
	Farm(ctx context.Context, id string) (Farm, error)
}

// Plan is the markets, their days, and what is on offer on each.
type Plan struct {
	store PlanStore
	clock Clock
	rules CheckoutRules
}

// NewPlan returns the plan kept in the store. By the rules the checkout holds orders.
func NewPlan(store PlanStore, clock Clock, rules CheckoutRules) *Plan {
	return &Plan{store: store, clock: clock, rules: rules}
}

// Now is the time by the plan's clock, by which the states of its days are told.
func (p *Plan) Now() time.Time { return p.clock.Now() }

// MarketQuery picks markets.
type MarketQuery struct { //nolint:revive // a market of the market: both are what people call them
	Paging
}

// Market returns one market. It fails with ErrNotFound.
func (p *Plan) Market(ctx context.Context, id string) (Market, error) {
	return p.store.Market(ctx, strings.ToLower(id))
}

// Markets returns a page of the markets by name. It fails with ErrInvalid.
func (p *Plan) Markets(ctx context.Context, query MarketQuery) (Page[Market], error) {
	picks := []string{"markets"}
	var err error
	if query.Paging, err = query.normalize(picks); err != nil {
		return Page[Market]{}, err
	}
	page, err := p.store.Markets(ctx, query)
	return withNext(page, err, picks)
}

// AddMarket opens a market and gives it and its slots their ids. It fails with ErrForbidden and ErrInvalid.
func (p *Plan) AddMarket(ctx context.Context, actor Actor, m Market) (Market, error) {
	if err := actor.mustManage("open a market"); err != nil {
		return Market{}, err
	}
	if err := m.validate(); err != nil {
		return Market{}, err
	}
	var err error
	if m.ID, err = newID(); err != nil {
		return Market{}, err
	}
	if err := m.setSlots(m.Slots); err != nil {
		return Market{}, err
	}
	m.CreatedAt = p.clock.Now()
	m.UpdatedAt = m.CreatedAt
	return m, p.store.AddMarket(ctx, m)
}

// ChangeMarket changes the market, if it is still as the actor saw it, which unchanged decides. A slot that is left out takes no
// orders any more. It fails with ErrForbidden, ErrNotFound, ErrPreconditionFailed, ErrInvalid and, when a slot is left out for
// which there are orders that are not collected yet, ErrConflict.
func (p *Plan) ChangeMarket(
	ctx context.Context, actor Actor, id string, unchanged func(Market) bool, details MarketDetails,
) (Market, error) {
	if err := actor.mustManage("change a market"); err != nil {
		return Market{}, err
	}
	return p.store.ChangeMarket(ctx, strings.ToLower(id), func(m *Market) error {
		if !unchanged(*m) {
			return &PreconditionError{Kind: "market", ID: m.ID}
		}
		if err := m.mustHave(details.Slots); err != nil {
			return err
		}
		m.Name, m.Description, m.Place, m.Region, m.Country =
			details.Name, details.Description, details.Place, details.Region, details.Country
		m.Slots, m.UpdatedAt = details.Slots, p.clock.Now()
		if err := m.validate(); err != nil {
			return err
		}
		return m.setSlots(details.Slots)
	})
}

// mustHave fails with ErrInvalid unless each id is that of a slot of the market, and there once.
func (m Market) mustHave(wanted []PickupSlot) error {
	seen := map[string]bool{"": false}
	for i, slot := range wanted {
		id := strings.ToLower(slot.ID)
		known := slices.ContainsFunc(m.Slots, func(s PickupSlot) bool { return s.ID == id })
		if id != "" && (!known || seen[id]) {
			return &InvalidError{
				Field: fmt.Sprintf("slots[%d].id", i), Rule: "be the id of a slot of the market, each once; leave it out for a new slot", Value: slot.ID,
			}
		}
		seen[id] = id != ""
	}
	return nil
}

// setSlots gives the market the slots, by the time at which they start, and those that have no id a new one.
func (m *Market) setSlots(slots []PickupSlot) (err error) {
	m.Slots = slices.Clone(slots)
	for i := range m.Slots {
		slot := &m.Slots[i]
		slot.ID, slot.MarketID = strings.ToLower(slot.ID), m.ID
		if slot.ID != "" {
			continue
		}
		if slot.ID, err = newID(); err != nil {
			return err
		}
	}
	slices.SortFunc(m.Slots, func(a, b PickupSlot) int {
		return cmp.Or(strings.Compare(a.StartsAt, b.StartsAt), strings.Compare(a.ID, b.ID))
	})
	return nil
}

// manages reports whether the actor runs the markets.
func (a Actor) manages() bool { return a.Role == MarketManager || a.Role == Admin }

func (a Actor) mustManage(action string) error {
	if !a.manages() {
		return &ForbiddenError{Reason: "you may not " + action + ": a market manager may"}
	}
	return nil
}
