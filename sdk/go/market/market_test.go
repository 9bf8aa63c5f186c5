package market_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/servertest"
	"github.com/farmersmarket/platform/sdk/go/market"
)

const email, password = "nora@example.org", "walnut-Saturday-quince"

// logIn returns a client that acts for a new account.
func logIn(t *testing.T, url string) *market.ClientWithResponses {
	t.Helper()
	token := ""
	client, err := market.New(url, market.WithToken(func(context.Context) (string, error) { return token, nil }))
	require.NoError(t, err)
	registered, err := client.RegisterWithResponse(t.Context(), market.RegisterJSONRequestBody{
		Email: email, Name: "Nora Byrne", Password: password,
	})
	require.NoError(t, err)
	require.NoError(t, market.Check(registered.HTTPResponse, registered.Body))

	login, err := client.LoginWithResponse(t.Context(), market.LoginJSONRequestBody{Email: email, Password: password})
	require.NoError(t, err)
	require.NoError(t, market.Check(login.HTTPResponse, login.Body))
	token = login.JSON200.Data.AccessToken
	return client
}

func TestAClientRegistersLogsInAndBrowses(t *testing.T) {
	client := logIn(t, servertest.Start(t).URL)
	me, err := client.GetMeWithResponse(t.Context())
	require.NoError(t, err)
	require.NoError(t, market.Check(me.HTTPResponse, me.Body))
	require.Equal(t, email, string(me.JSON200.Data.Email))

	limit := int64(5)
	products, err := client.ListProductsWithResponse(t.Context(), &market.ListProductsParams{Limit: &limit})
	require.NoError(t, err)
	require.NoError(t, market.Check(products.HTTPResponse, products.Body))
	require.Len(t, products.JSON200.Data, 5)
}

func TestAnOrderIsFoundByItsKeyWhateverCharactersItHas(t *testing.T) {
	client := logIn(t, servertest.Start(t).URL)
	order := newOrder(t, client)
	visible := ""
	for c := '!'; c <= '~'; c++ {
		visible += string(c)
	}
	for _, key := range []string{"order:1", visible + "%41"} {
		placed, err := client.PlaceOrderWithResponse(t.Context(), &market.PlaceOrderParams{IdempotencyKey: key}, order)
		require.NoError(t, err)
		require.NoError(t, market.Check(placed.HTTPResponse, placed.Body))
		found, err := client.GetOrderByKeyWithResponse(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, market.Check(found.HTTPResponse, found.Body))
		require.Equal(t, placed.JSON201.Data.Id, found.JSON200.Data.Id)
	}
}

// newOrder is of one unit of the first thing on offer.
func newOrder(t *testing.T, client *market.ClientWithResponses) market.NewOrder {
	t.Helper()
	one, open := int64(1), market.ListMarketDaysParamsStateOpen
	days, err := client.ListMarketDaysWithResponse(t.Context(), &market.ListMarketDaysParams{Limit: &one, State: &open})
	require.NoError(t, err)
	require.NoError(t, market.Check(days.HTTPResponse, days.Body))
	day := days.JSON200.Data[0]
	place, err := client.GetMarketWithResponse(t.Context(), day.MarketId)
	require.NoError(t, err)
	require.NoError(t, market.Check(place.HTTPResponse, place.Body))
	offered, err := client.ListOfferingsWithResponse(t.Context(), &market.ListOfferingsParams{MarketDay: day.Id, Limit: &one})
	require.NoError(t, err)
	require.NoError(t, market.Check(offered.HTTPResponse, offered.Body))
	return market.NewOrder{
		MarketDayId: day.Id, SlotId: place.JSON200.Data.Slots[0].Id,
		Lines: []market.NewOrderLine{{OfferingId: offered.JSON200.Data[0].Id, Quantity: 1}},
	}
}

func TestARefusalIsAProblem(t *testing.T) {
	server := servertest.Start(t)
	client, err := market.New(server.URL)
	require.NoError(t, err)

	limit := int64(1000)
	answer, err := client.ListProductsWithResponse(t.Context(), &market.ListProductsParams{Limit: &limit})
	require.NoError(t, err)
	err = market.Check(answer.HTTPResponse, answer.Body)
	var problem *market.Problem
	require.ErrorAs(t, err, &problem)
	require.EqualValues(t, http.StatusUnprocessableEntity, problem.Status)
	require.ErrorContains(t, err, "query.limit")
	require.ErrorContains(t, err, "trace")
}

func TestWhatIsNoProblemGetsOneOfItsStatus(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>no</html>", http.StatusBadGateway)
	}))
	defer proxy.Close()
	client, err := market.New(proxy.URL)
	require.NoError(t, err)
	answer, err := client.GetMeWithResponse(t.Context())
	require.NoError(t, err)
	require.EqualError(t, market.Check(answer.HTTPResponse, answer.Body), "502 Bad Gateway")
}

func TestATokenThatCannotBeHadEndsTheCall(t *testing.T) {
	client, err := market.New("http://127.0.0.1:1", market.WithToken(func(context.Context) (string, error) {
		return "", errors.New("the vault is shut")
	}))
	require.NoError(t, err)
	_, err = client.GetMeWithResponse(t.Context())
	require.ErrorContains(t, err, "the vault is shut")
}
