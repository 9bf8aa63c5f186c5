package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
)

// HarvestReport is what each farm brings to a market day.
type HarvestReport struct {
	MarketDayID string        `json:"market_day_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	Date        string        `json:"date" format:"date" example:"2026-11-28"`
	State       string        `json:"state" enum:"scheduled,open,closing,closed" doc:"Before closed, more can be ordered or paid."`
	AsOf        time.Time     `json:"as_of" example:"2026-11-26T18:10:02Z" doc:"UTC."`
	Farms       []HarvestFarm `json:"farms" nullable:"false"`
}

// HarvestFarm is what one farm brings.
type HarvestFarm struct {
	ID       string           `json:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Name     string           `json:"name" example:"Ballinacarrow Orchard"`
	Products []HarvestProduct `json:"products" nullable:"false"`
	Total    Money            `json:"total" doc:"What the customers pay for it."`
}

// HarvestProduct is how much of a product is brought.
type HarvestProduct struct {
	ID        string `json:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	Name      string `json:"name" example:"Bunched carrots"`
	UnitLabel string `json:"unit_label" example:"500 g bunch"`
	Quantity  int64  `json:"quantity" minimum:"1" example:"31" doc:"Units."`
	Orders    int    `json:"orders" minimum:"1" example:"17" doc:"Orders that it is in."`
	Total     Money  `json:"total"`
}

// PackingReport is what is packed for each pick-up slot of a market day.
type PackingReport struct {
	MarketDayID string        `json:"market_day_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a13"`
	Date        string        `json:"date" format:"date" example:"2026-11-28"`
	State       string        `json:"state" enum:"scheduled,open,closing,closed" doc:"Before closed, more can be ordered or paid."`
	AsOf        time.Time     `json:"as_of" example:"2026-11-26T18:10:02Z" doc:"UTC."`
	Slots       []PackingSlot `json:"slots" nullable:"false"`
}

// PackingSlot is what is collected in one slot.
type PackingSlot struct {
	PickupSlot

	Orders []PackingOrder `json:"orders" nullable:"false"`
}

// PackingOrder is one bag.
type PackingOrder struct {
	ID         string        `json:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11"`
	CustomerID string        `json:"customer_id" format:"uuid" example:"0197a3c2-7d10-7b5e-9a50-0a5a3c1c7a16"`
	Customer   string        `json:"customer" example:"Aoife Byrne" doc:"The customer's name, to hand the bag over by; empty when the account is gone."`
	State      string        `json:"state" enum:"paid,packed,collected"`
	Lines      []PackingLine `json:"lines" nullable:"false"`
}

// PackingLine is one thing in a bag.
type PackingLine struct {
	Farm      string `json:"farm" example:"Ballinacarrow Orchard"`
	Name      string `json:"name" example:"Bunched carrots"`
	UnitLabel string `json:"unit_label" example:"500 g bunch"`
	Quantity  int64  `json:"quantity" minimum:"1" example:"2" doc:"Units."`
}

func harvestOf(h market.Harvest) (HarvestReport, error) {
	report := HarvestReport{
		MarketDayID: h.Day.ID, Date: h.Day.Date, State: string(h.State), AsOf: h.AsOf, Farms: []HarvestFarm{},
	}
	for i := range h.Lines {
		line := &h.Lines[i]
		last := len(report.Farms) - 1
		if last < 0 || report.Farms[last].ID != line.FarmID {
			report.Farms = append(report.Farms, HarvestFarm{
				ID: line.FarmID, Name: line.FarmName, Total: Money{Currency: string(line.Total.Currency)},
			})
			last++
		}
		farm := &report.Farms[last]
		total, err := farm.Total.money().Add(line.Total)
		if err != nil {
			return HarvestReport{}, err
		}
		farm.Total = moneyOf(total)
		farm.Products = append(farm.Products, HarvestProduct{
			ID: line.ProductID, Name: line.Name, UnitLabel: line.UnitLabel, Quantity: line.Quantity, Orders: line.Orders,
			Total: moneyOf(line.Total),
		})
	}
	return report, nil
}

func packingOf(p market.PackingList) PackingReport {
	report := PackingReport{
		MarketDayID: p.Day.ID, Date: p.Day.Date, State: string(p.State), AsOf: p.AsOf, Slots: []PackingSlot{},
	}
	for i := range p.Lines {
		line := &p.Lines[i]
		at := len(report.Slots) - 1
		if at < 0 || report.Slots[at].ID != line.SlotID {
			slot := PickupSlot{ID: line.SlotID, Label: line.SlotLabel, StartsAt: line.StartsAt, EndsAt: line.EndsAt}
			report.Slots = append(report.Slots, PackingSlot{PickupSlot: slot})
			at++
		}
		slot := &report.Slots[at]
		last := len(slot.Orders) - 1
		if last < 0 || slot.Orders[last].ID != line.OrderID {
			slot.Orders = append(slot.Orders, PackingOrder{
				ID: line.OrderID, CustomerID: line.CustomerID, Customer: line.Customer, State: string(line.State),
			})
			last++
		}
		slot.Orders[last].Lines = append(slot.Orders[last].Lines, PackingLine{
			Farm: line.FarmName, Name: line.Name, UnitLabel: line.UnitLabel, Quantity: line.Quantity,
		})
	}
	return report
}

// csvAnswer is a report as rows for a spreadsheet.
type csvAnswer struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition" doc:"Names the file."`
	Body        []byte
}

// RegisterReports adds the reports to the API.
func RegisterReports(api huma.API, reports *market.Reports) {
	sellers, managers := owner(market.FarmOwner, market.MarketManager, market.Admin), only(market.MarketManager, market.Admin)
	const harvest, packing = "/api/v1/market-days/{id}/harvest", "/api/v1/market-days/{id}/packing-list"
	huma.Register(api, protect(sellers, reportOperation("get-harvest", harvest,
		"What your farms bring to a market day; what all farms bring for market managers")),
		func(ctx context.Context, params *IDParam) (*itemAnswer[HarvestReport], error) {
			report, err := reports.Harvest(ctx, actor(ctx), params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			answer, err := harvestOf(report)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(answer), nil
		})
	huma.Register(api, protect(sellers, csvOperation("get-harvest-csv", harvest+".csv", "The harvest as CSV")),
		func(ctx context.Context, params *IDParam) (*csvAnswer, error) {
			report, err := reports.Harvest(ctx, actor(ctx), params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerCSV(ctx, "harvest-"+report.Day.Date, harvestRows(report))
		})
	huma.Register(api, protect(managers, reportOperation("get-packing-list", packing,
		"What is packed for each pick-up slot of a market day")),
		func(ctx context.Context, params *IDParam) (*itemAnswer[PackingReport], error) {
			report, err := reports.PackingList(ctx, actor(ctx), params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerItem(packingOf(report)), nil
		})
	huma.Register(api, protect(managers, csvOperation("get-packing-list-csv", packing+".csv", "The packing list as CSV")),
		func(ctx context.Context, params *IDParam) (*csvAnswer, error) {
			report, err := reports.PackingList(ctx, actor(ctx), params.ID)
			if err != nil {
				return nil, problemOf(ctx, err)
			}
			return answerCSV(ctx, "packing-list-"+report.Day.Date, packingRows(report))
		})
}

func reportOperation(id, path, summary string) huma.Operation {
	return readOperation(id, path, summary, "Reports", http.StatusNotFound, http.StatusUnprocessableEntity)
}

func csvOperation(id, path, summary string) huma.Operation {
	op := reportOperation(id, path, summary)
	op.Responses = map[string]*huma.Response{"200": {
		Description: "One row for each line, for a spreadsheet",
		Content:     map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	return op
}

func answerCSV(ctx context.Context, name string, rows [][]string) (*csvAnswer, error) {
	var body bytes.Buffer
	if err := csv.NewWriter(&body).WriteAll(rows); err != nil {
		return nil, problemOf(ctx, fmt.Errorf("write the report %s: %w", name, err))
	}
	return &csvAnswer{
		ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="` + name + `.csv"`, Body: body.Bytes(),
	}, nil
}

func harvestRows(h market.Harvest) [][]string {
	rows := [][]string{{"farm_id", "farm", "product_id", "product", "unit", "quantity", "orders", "total_minor", "currency"}}
	for i := range h.Lines {
		l := &h.Lines[i]
		rows = append(rows, []string{
			l.FarmID, cell(l.FarmName), l.ProductID, cell(l.Name), cell(l.UnitLabel), strconv.FormatInt(l.Quantity, 10),
			strconv.Itoa(l.Orders), strconv.FormatInt(l.Total.Amount, 10), string(l.Total.Currency),
		})
	}
	return rows
}

func packingRows(p market.PackingList) [][]string {
	rows := [][]string{{"slot", "starts_at", "ends_at", "order_id", "customer_id", "customer", "state", "farm", "product", "unit", "quantity"}}
	for i := range p.Lines {
		l := &p.Lines[i]
		rows = append(rows, []string{
			cell(l.SlotLabel), l.StartsAt, l.EndsAt, l.OrderID, l.CustomerID, cell(l.Customer), string(l.State), cell(l.FarmName), cell(l.Name),
			cell(l.UnitLabel), strconv.FormatInt(l.Quantity, 10),
		})
	}
	return rows
}

// cell keeps spreadsheets from taking a name for a formula, which may also begin with a full-width sign:
// https://owasp.org/www-community/attacks/CSV_Injection.
func cell(text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	if strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
