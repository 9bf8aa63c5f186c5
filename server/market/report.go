package market

import (
	"context"
	"strings"
	"time"
)

// HarvestLine is how much of a product a farm brings to a market day: what is paid for, packed and collected.
type HarvestLine struct {
	FarmID    string
	FarmName  string // of now
	ProductID string
	Name      string // as it was when it was ordered
	UnitLabel string
	Quantity  int64 // units
	Orders    int
	Total     Money
}

// PackingLine is one line of an order to be packed. Lines come by slot, order and number.
type PackingLine struct {
	SlotID     string
	SlotLabel  string
	StartsAt   string // local time of day
	EndsAt     string
	OrderID    string
	CustomerID string
	Customer   string // name; empty when the account is gone
	State      OrderState
	FarmName   string
	Name       string
	UnitLabel  string
	Quantity   int64
}

// Harvest is what each farm brings to a market day, by farm and product name. The lines of a farm are together.
type Harvest struct {
	Day   MarketDay
	State DayState
	AsOf  time.Time
	Lines []HarvestLine
}

// PackingList is what is packed for each pick-up slot of a market day.
type PackingList struct {
	Day   MarketDay
	State DayState
	AsOf  time.Time
	Lines []PackingLine
}

// ReportStore is what reports need of a database. Its errors are of the kinds in this package.
type ReportStore interface {
	MarketDay(ctx context.Context, id string) (MarketDay, error)
	// HarvestLines are those of the farms that the account owns, or of all farms where it is empty.
	HarvestLines(ctx context.Context, dayID, ownerID string) ([]HarvestLine, error)
	PackingLines(ctx context.Context, dayID string) ([]PackingLine, error)
}

// Reports tell farms what to harvest and the market what to pack.
type Reports struct {
	store ReportStore
	clock Clock
}

// NewReports returns the reports on the orders kept in the store.
func NewReports(store ReportStore, clock Clock) *Reports { return &Reports{store: store, clock: clock} }

// Harvest returns what the actor's farms bring, or what all do for who runs the markets. Before the day is closed it can
// still change. It fails with ErrForbidden and ErrNotFound.
func (r *Reports) Harvest(ctx context.Context, actor Actor, dayID string) (Harvest, error) {
	owner := actor.ID
	if actor.manages() {
		owner = ""
	} else if actor.Role != FarmOwner {
		return Harvest{}, &ForbiddenError{Reason: "you may not see what is harvested: the farms' owners may"}
	}
	dayID = strings.ToLower(dayID)
	day, err := r.store.MarketDay(ctx, dayID)
	if err != nil {
		return Harvest{}, err
	}
	now := r.clock.Now()
	lines, err := r.store.HarvestLines(ctx, dayID, owner)
	return Harvest{Day: day, State: day.State(now), AsOf: now, Lines: lines}, err
}

// PackingList returns what is packed for each slot. Before the day is closed it can still change. It fails with
// ErrForbidden and ErrNotFound.
func (r *Reports) PackingList(ctx context.Context, actor Actor, dayID string) (PackingList, error) {
	if err := actor.mustManage("see what is packed"); err != nil {
		return PackingList{}, err
	}
	dayID = strings.ToLower(dayID)
	day, err := r.store.MarketDay(ctx, dayID)
	if err != nil {
		return PackingList{}, err
	}
	now := r.clock.Now()
	lines, err := r.store.PackingLines(ctx, dayID)
	return PackingList{Day: day, State: day.State(now), AsOf: now, Lines: lines}, err
}
