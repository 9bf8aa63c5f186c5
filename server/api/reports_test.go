package api_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
)

// sell has customers pay orders in both slots, and others do what is not to be harvested for. The farms are told apart by
// the offerings: the first and third are Alder Farm's, the second is Birch Farm's.
func sell(t *testing.T, fair *markettest.Fair) {
	t.Helper()
	for slot, quantities := range [][]int64{{2, 1, 0}, {3, 0, 4}} {
		wanted := fair.Want(quantities...)
		wanted.SlotID = fair.Market.Slots[1-slot].ID
		buyer := markettest.Buyer()
		order, _, err := fair.Checkout.Place(t.Context(), buyer, wanted)
		require.NoError(t, err)
		_, _, _, err = fair.Checkout.Pay(t.Context(), buyer, market.PayRequest{OrderID: order.ID, IdempotencyKey: "p"})
		require.NoError(t, err)
	}
	_, _, err := fair.Checkout.Place(t.Context(), markettest.Buyer(), fair.Want(5, 5, 0)) // is not paid
	require.NoError(t, err)
	buyer := markettest.Buyer()
	cancelled, _, err := fair.Checkout.Place(t.Context(), buyer, fair.Want(7, 0, 0))
	require.NoError(t, err)
	_, err = fair.Checkout.Cancel(t.Context(), buyer, cancelled.ID)
	require.NoError(t, err)
}

func TestTheHarvestIsWhatIsPaidForByFarm(t *testing.T) {
	eachShop(t, []int64{20, 20, 20}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		sell(t, fair)
		manager, farmer := as(t, fair.Store, market.MarketManager), as(t, fair.Store, market.FarmOwner)
		_, err := fair.Store.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ? WHERE id = ?", farmer.ID, fair.Farms[1].ID)
		require.NoError(t, err)
		path := "/api/v1/market-days/" + fair.Day.ID + "/harvest"

		all := decode[item[api.HarvestReport]](t, send(t, app, manager, http.MethodGet, path, nil).body).Data
		require.Equal(t, "open", all.State)
		require.Len(t, all.Farms, 2)
		require.Equal(t, "Alder Farm", all.Farms[0].Name)
		require.Len(t, all.Farms[0].Products, 2)
		require.EqualValues(t, 5, all.Farms[0].Products[0].Quantity)
		require.Equal(t, 2, all.Farms[0].Products[0].Orders)
		require.EqualValues(t, 5*250+4*450, all.Farms[0].Total.Amount)

		own := decode[item[api.HarvestReport]](t, send(t, app, farmer, http.MethodGet, path, nil).body).Data
		require.Len(t, own.Farms, 1)
		require.Equal(t, "Birch Farm", own.Farms[0].Name)

		rows := readCSV(t, send(t, app, manager, http.MethodGet, path+".csv", nil))
		require.Len(t, rows, 1+3)
		require.Equal(t, []string{"Alder Farm", "Product 1", "500 g", "5", "2", "1250", "EUR"}, append(rows[1][1:2], rows[1][3:]...))
	})
}

func TestAFarmThatWasRenamedBetweenOrdersHasOneEntryAndOneTotal(t *testing.T) {
	eachShop(t, []int64{20, 20, 20}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		sell(t, fair)
		_, err := fair.Store.DB().ExecContext(t.Context(), // Birch Farm is between the names
			"UPDATE order_lines SET farm_name = 'Cedar Farm' WHERE farm_id = ? AND order_id IN (SELECT id FROM orders WHERE slot_id = ?)",
			fair.Farms[0].ID, fair.Market.Slots[0].ID)
		require.NoError(t, err)
		manager, path := as(t, fair.Store, market.MarketManager), "/api/v1/market-days/"+fair.Day.ID+"/harvest"

		report := decode[item[api.HarvestReport]](t, send(t, app, manager, http.MethodGet, path, nil).body).Data
		var entries []string
		for _, farm := range report.Farms {
			entries = append(entries, fmt.Sprint(farm.Name, " ", len(farm.Products), " ", farm.Total.Amount))
		}
		require.Equal(t, []string{fmt.Sprint("Alder Farm 2 ", 5*250+4*450), "Birch Farm 1 350"}, entries)

		var rows []string
		for _, row := range readCSV(t, send(t, app, manager, http.MethodGet, path+".csv", nil))[1:] {
			rows = append(rows, row[1]+" "+row[5])
		}
		require.Equal(t, []string{"Alder Farm 5", "Alder Farm 4", "Birch Farm 1"}, rows)
	})
}

func readCSV(t *testing.T, got answer) [][]string {
	t.Helper()
	require.Equal(t, 200, got.status, string(got.body))
	require.Equal(t, "text/csv; charset=utf-8", got.contentType)
	require.Contains(t, got.header.Get("Content-Disposition"), ".csv")
	rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	require.NoError(t, err)
	return rows
}

func TestThePackingListIsBySlotAndOrder(t *testing.T) {
	eachShop(t, []int64{20, 20, 20}, func(t *testing.T, app *fiber.App, fair *markettest.Fair) {
		sell(t, fair)
		_, err := fair.Store.DB().ExecContext(t.Context(), "UPDATE order_lines SET name = '=HYPERLINK(1)' WHERE name = 'Product 3'")
		require.NoError(t, err)
		manager, customer := as(t, fair.Store, market.MarketManager), as(t, fair.Store, market.Customer)
		_, err = fair.Store.DB().ExecContext(t.Context(), "UPDATE orders SET customer_id = ? WHERE slot_id = ?",
			customer.ID, fair.Market.Slots[1].ID)
		require.NoError(t, err)
		_, err = fair.Store.DB().ExecContext(t.Context(), "UPDATE accounts SET name = '＝Nora' WHERE id = ?", customer.ID)
		require.NoError(t, err)
		path := "/api/v1/market-days/" + fair.Day.ID + "/packing-list"

		packing := decode[item[api.PackingReport]](t, send(t, app, manager, http.MethodGet, path, nil).body).Data
		require.Len(t, packing.Slots, 2)
		require.Equal(t, "Early", packing.Slots[0].Label)
		require.Len(t, packing.Slots[0].Orders, 1)
		require.Len(t, packing.Slots[0].Orders[0].Lines, 2)
		require.Equal(t, "Late", packing.Slots[1].Label)
		require.EqualValues(t, 2, packing.Slots[1].Orders[0].Lines[0].Quantity)

		rows := readCSV(t, send(t, app, manager, http.MethodGet, path+".csv", nil))
		require.Len(t, rows, 1+4)
		require.Equal(t, "＝Nora", packing.Slots[1].Orders[0].Customer, "a bag is handed over by name")
		require.Empty(t, packing.Slots[0].Orders[0].Customer, "an order outlives its account")
		require.Equal(t, []string{"", "'＝Nora"}, []string{rows[1][5], rows[3][5]})
		require.Equal(t, "'=HYPERLINK(1)", rows[2][8], "a spreadsheet does not take a name for a formula")
		requireProblem(t, send(t, app, manager, http.MethodGet, "/api/v1/market-days/"+uuid.NewString()+"/packing-list", nil), 404)
	})
}
