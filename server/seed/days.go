package seed

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/google/uuid"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

// planAhead is how far ahead market days are planned.
const planAhead = 4 * 7 * 24 * time.Hour

// weekly is a market that is held every week on one day.
type weekly struct {
	key     string
	market  market.Market
	weekday time.Weekday
	farms   int // it takes every second farm, from this one
}

// LoadDays plans the market days of the weeks to come, with what is in season on offer, and returns how many it planned.
// There is one at each of two markets every week. Its window opens nine days before and closes the evening before, so
// that at every moment each market takes orders. What is planned already stays as it is; run it again to plan on.
func LoadDays(ctx context.Context, s *store.Store, now time.Time) (int, error) {
	catalogue, err := Read()
	if err != nil {
		return 0, err
	}
	var planned store.Planned
	for _, w := range markets() {
		planned.Markets = append(planned.Markets, w.market)
		for _, day := range w.days(now) {
			planned.Days = append(planned.Days, day)
			planned.Offerings = append(planned.Offerings, w.offerings(day, catalogue, now)...)
		}
	}
	days, err := s.SavePlan(ctx, planned)
	if err != nil {
		return 0, fmt.Errorf("load the seed's market days: %w", err)
	}
	return days, nil
}

func markets() []weekly {
	opened := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	all := []weekly{
		{key: "quay", weekday: time.Saturday, farms: 0, market: market.Market{
			Name: "Quay Street Market", Description: "Thirty stalls along the river, every Saturday morning.",
			Place: "Galway", Region: "County Galway",
			Slots: []market.PickupSlot{
				{Label: "Early", StartsAt: "08:30", EndsAt: "10:00"},
				{Label: "Morning", StartsAt: "10:00", EndsAt: "12:00"},
				{Label: "Noon", StartsAt: "12:00", EndsAt: "14:00"},
			},
		}},
		{key: "abbey", weekday: time.Wednesday, farms: 1, market: market.Market{
			Name: "Abbey Yard Market", Description: "A midweek market under the old abbey's roof, open until people come from work.",
			Place: "Kilkenny", Region: "County Kilkenny",
			Slots: []market.PickupSlot{
				{Label: "Afternoon", StartsAt: "14:00", EndsAt: "16:30"}, {Label: "After work", StartsAt: "16:30", EndsAt: "19:00"},
			},
		}},
	}
	for i := range all {
		m := &all[i].market
		m.ID = uuid.NewSHA1(namespace(), []byte("market "+all[i].key)).String()
		m.Country, m.TimeZone, m.Currency, m.CreatedAt, m.UpdatedAt = "IE", "Europe/Dublin", market.EUR, opened, opened
		for j := range m.Slots {
			m.Slots[j].ID, m.Slots[j].MarketID = uuid.NewSHA1(uuid.MustParse(m.ID), []byte(m.Slots[j].Label)).String(), m.ID
		}
	}
	return all
}

// days returns those whose window has not closed, as far as is planned.
func (w weekly) days(now time.Time) []market.MarketDay {
	const opensBefore, closesBefore = 9*24*time.Hour - 8*time.Hour, 6 * time.Hour
	now = now.UTC()
	var days []market.MarketDay
	for date := now.Truncate(24 * time.Hour); date.Before(now.Add(planAhead)); date = date.AddDate(0, 0, 1) {
		if date.Weekday() != w.weekday || !now.Before(date.Add(-closesBefore)) {
			continue
		}
		day := date.Format(time.DateOnly)
		days = append(days, market.MarketDay{
			ID: uuid.NewSHA1(uuid.MustParse(w.market.ID), []byte(day)).String(), MarketID: w.market.ID, Date: day,
			OpensAt: date.Add(-opensBefore), ClosesAt: date.Add(-closesBefore), CreatedAt: now, UpdatedAt: now,
		})
	}
	return days
}

// offerings are the products of the market's farms that are in season on the day.
func (w weekly) offerings(day market.MarketDay, catalogue Catalogue, now time.Time) []market.Offering {
	const fewest, spread = 12, 60 // units
	sells := map[string]bool{}
	for i, farm := range catalogue.Farms {
		sells[farm.ID] = i%2 == w.farms
	}
	var offerings []market.Offering
	for _, product := range catalogue.Products {
		if !sells[product.FarmID] || !product.Season.Includes(day.ClosesAt.Month()) {
			continue
		}
		id := uuid.NewSHA1(uuid.MustParse(day.ID), []byte(product.ID)).String()
		random := fnv.New32a()
		_, _ = random.Write([]byte(id)) // a hash takes everything
		quantity := fewest + int64(random.Sum32()%spread)
		offerings = append(offerings, market.Offering{
			ID: id, MarketDayID: day.ID, ProductID: product.ID, FarmID: product.FarmID, Price: product.Price,
			Quantity: quantity, Available: quantity, CreatedAt: now, UpdatedAt: now,
		})
	}
	return offerings
}
