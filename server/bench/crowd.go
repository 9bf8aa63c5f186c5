package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"

	"github.com/google/uuid"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// orderEvery is how many requests there are to one order.
const orderEvery = 10

// crowd are customers who look around, and order.
type crowd struct {
	url       string
	customers []customer
	day, slot string
	offerings []string
	products  []string
	baskets   [][]string // some offerings each, for who orders the same again and again
}

// customer is an account that has logged in.
type customer struct{ id, token string }

// linesOfOrder is how many lines an order has.
const linesOfOrder = 3

func (c *crowd) anybody() customer { return pickAny(c.customers) }

func pickAny[T any](from []T) T { return from[rand.IntN(len(from))] } //nolint:gosec // no secret

type named struct {
	ID       string `json:"id"`
	MarketID string `json:"market_id"`
	Slots    []struct {
		ID string `json:"id"`
	} `json:"slots"`
}

// newCrowd registers the customers and finds out what is on offer.
func newCrowd(ctx context.Context, url string) (*crowd, error) {
	c := &crowd{url: url + "/api/v1"}
	if err := c.register(ctx); err != nil {
		return nil, err
	}
	if err := c.lookAround(ctx); err != nil {
		return nil, err
	}
	for range basketCount {
		c.baskets = append(c.baskets, c.basket())
	}
	return c, nil
}

func (c *crowd) register(ctx context.Context) error {
	const customers = 8
	for n := range customers {
		who := map[string]string{"email": fmt.Sprintf("customer%d@example.org", n), "password": "walnut-Saturday-quince"}
		account := map[string]string{"name": "Customer"}
		maps.Copy(account, who)
		var grant struct {
			AccessToken string `json:"access_token"`
			Account     named  `json:"account"`
		}
		if err := errors.Join(c.call(ctx, "/auth/register", account, nil), c.call(ctx, "/auth/login", who, &grant)); err != nil {
			return err
		}
		c.customers = append(c.customers, customer{grant.Account.ID, grant.AccessToken})
	}
	return nil
}

func (c *crowd) lookAround(ctx context.Context) error {
	var days, products, offerings []named
	if err := errors.Join(c.call(ctx, "/market-days?state=open", nil, &days), c.call(ctx, "/products?limit=100", nil, &products)); err != nil {
		return err
	}
	if len(days) == 0 {
		return errors.New("no market day takes orders")
	}
	var held named
	err := errors.Join(c.call(ctx, "/markets/"+days[0].MarketID, nil, &held), c.call(ctx, "/offerings?limit=100&market_day="+days[0].ID, nil, &offerings))
	if err != nil {
		return err
	}
	c.day, c.slot = days[0].ID, held.Slots[0].ID
	for _, o := range offerings {
		c.offerings = append(c.offerings, o.ID)
	}
	for _, p := range products {
		c.products = append(c.products, p.ID)
	}
	return nil
}

// call posts the body, or gets where there is none, and reads the answer's data.
func (c *crowd) call(ctx context.Context, path string, body, data any) error {
	method, content := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		return errors.Join(err, fmt.Errorf("%s answered %d: %s", path, response.StatusCode, text))
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(text, &struct {
		Data any `json:"data"`
	}{data})
}

// next is the next request: an order, or a look at what most people look at.
func (c *crowd) next(target *vegeta.Target) error {
	random := rand.IntN
	target.Method, target.Body, target.Header = http.MethodGet, nil, http.Header{}
	switch n := random(orderEvery); {
	case n == 0:
		return c.order(target)
	case n < 4: //nolint:mnd // three in ten
		target.URL = fmt.Sprintf("%s/products?limit=20&page=%d&sort=%s", c.url, 1+random(10), []string{"name", "price", "newest"}[random(3)])
	case n < 6: //nolint:mnd // two
		target.URL = c.url + "/products/" + c.products[random(len(c.products))]
	case n < 7: //nolint:mnd // one
		target.URL = c.url + "/products?q=" + []string{"apple", "cheese", "bread", "honey", "goat", "egg"}[random(6)]
	default:
		target.URL = fmt.Sprintf("%s/offerings?market_day=%s&limit=20&page=%d", c.url, c.day, 1+random(3))
	}
	return nil
}

// basket is something to order.
func (c *crowd) basket() (offerings []string) {
	for _, n := range rand.Perm(len(c.offerings))[:linesOfOrder] { //nolint:gosec // no secret
		offerings = append(offerings, c.offerings[n])
	}
	return offerings
}

// wanted is the body of a request that orders one of each.
func (c *crowd) wanted(offerings []string) any {
	type line struct {
		OfferingID string `json:"offering_id"`
		Quantity   int    `json:"quantity"`
	}
	lines := make([]line, len(offerings))
	for i, id := range offerings {
		lines[i] = line{OfferingID: id, Quantity: 1}
	}
	return map[string]any{"market_day_id": c.day, "slot_id": c.slot, "lines": lines}
}

func (c *crowd) order(target *vegeta.Target) (err error) {
	target.Method, target.URL = http.MethodPost, c.url+"/orders"
	target.Header.Set("Content-Type", "application/json")
	target.Header.Set("Authorization", "Bearer "+c.anybody().token)
	target.Header.Set("Idempotency-Key", uuid.NewString())
	target.Body, err = json.Marshal(c.wanted(c.basket()))
	return err
}
