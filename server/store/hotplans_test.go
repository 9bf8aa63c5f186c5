package store_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// hot is something that is done all the time.
type hot struct {
	do    func(ctx context.Context, b *hotBench) error
	sorts bool // it sorts what it has found, which is bounded
}

type hotBench struct {
	*markettest.Fair
	buyer market.Actor
	order market.Order
	since time.Time
}

func newHotBench(t *testing.T, s *store.Store) *hotBench {
	t.Helper()
	b := &hotBench{Fair: markettest.NewFair(t, s, slices.Repeat([]int64{100}, 60)...)}
	b.since, b.buyer = b.Clock.Now().Add(-time.Hour), market.Actor{ID: uuid.NewString(), Role: market.Customer}
	_, err := s.CreateAccount(t.Context(), market.Account{
		ID: b.buyer.ID, Email: "nora@example.org", Name: "Nora", Role: market.Customer, CreatedAt: b.since, UpdatedAt: b.since,
	}, "hash")
	require.NoError(t, err)
	return b
}

func (b *hotBench) placeOrder(t *testing.T) {
	t.Helper()
	var err error
	b.order, _, err = b.Checkout.Place(t.Context(), b.buyer, b.Want(1, 1))
	require.NoError(t, err)
}

func listed[T any](_ market.Page[T], err error) error { return err }

func paging() market.Paging { return market.Paging{Page: 1, Limit: 20} }

// behind is the second page of a list, picked by its cursor.
func behind(key string) market.Paging {
	return market.Paging{Page: 1, Limit: 20, After: market.Position{Key: key, ID: uuid.NewString(), Before: 20}}
}

const hotTime = "2026-11-20T12:00:00Z"

var hotOperations = map[string]hot{
	"an order is placed": {do: func(ctx context.Context, b *hotBench) error {
		_, _, err := b.Checkout.Place(ctx, b.buyer, b.Want(1, 2))
		return err
	}},
	"an order is paid": {do: func(ctx context.Context, b *hotBench) error {
		_, _, _, err := b.Checkout.Pay(ctx, b.buyer, market.PayRequest{OrderID: b.order.ID, IdempotencyKey: uuid.NewString()})
		return err
	}},
	"an order is cancelled": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Checkout.Cancel(ctx, b.buyer, b.order.ID)
		return err
	}},
	"an order is read": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.Order(ctx, b.order.ID)
		return err
	}},
	"an order is found by its key": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.OrderByKey(ctx, b.buyer.ID, b.order.IdempotencyKey)
		return err
	}},
	"a customer's orders": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Orders(ctx, market.OrderQuery{Paging: paging(), CustomerID: b.buyer.ID}))
	}},
	"a customer's orders, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Orders(ctx, market.OrderQuery{Paging: behind(hotTime), CustomerID: b.buyer.ID}))
	}},
	"the orders of a day": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Orders(ctx, market.OrderQuery{Paging: paging(), MarketDayID: b.Day.ID}))
	}},
	"the orders in a state": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Orders(ctx, market.OrderQuery{Paging: paging(), State: market.OrderPaid}))
	}},
	"the orders of which a refund has failed": {sorts: true, do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Orders(ctx, market.OrderQuery{Paging: paging(), RefundFailed: true}))
	}},
	"the refunds that are owed": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.OpenRefunds(ctx)
		return err
	}},
	"all orders, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Orders(ctx, market.OrderQuery{Paging: behind(hotTime)}))
	}},
	"a payment is looked up by the provider's id": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.FindPayment(ctx, "", "pi_1")
		return ignoreMissing(err)
	}},
	"the job that expires holds": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.HeldOrders(ctx, b.Clock.Now().Add(time.Hour), 100)
		return err
	}},
	"the job that closes days": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.EndedDays(ctx, b.Clock.Now())
		return err
	}},
	"the job that attends to payments": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.DuePayments(ctx, b.Clock.Now(), 100)
		return err
	}},
	"the audit": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.Audit(ctx, b.since)
		return err
	}},
	"the offerings of a day": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Offerings(ctx, market.OfferingQuery{Paging: paging(), MarketDayID: b.Day.ID}))
	}},
	"the offerings of a day, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Offerings(ctx, market.OfferingQuery{Paging: behind("kale"), MarketDayID: b.Day.ID}))
	}},
	"a farm's offerings of a day": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Offerings(ctx, market.OfferingQuery{Paging: paging(), MarketDayID: b.Day.ID, FarmID: b.Farms[0].ID}))
	}},
	"an offering is read": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.Offering(ctx, b.Offerings[0].ID)
		return err
	}},
	"a product is read": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.Product(ctx, b.Offerings[0].ProductID)
		return err
	}},
	"all products, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Products(ctx, market.ProductQuery{Paging: behind("kale"), Listed: true, Sort: market.SortName}))
	}},
	"products of a category, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Products(ctx, market.ProductQuery{Paging: behind("kale"), Category: market.Dairy, Sort: market.SortName}))
	}},
	"products by price, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Products(ctx, market.ProductQuery{Paging: behind("100"), Sort: market.SortPriceDesc}))
	}},
	"farms, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Farms(ctx, market.FarmQuery{Paging: behind("alder"), Sort: market.SortName}))
	}},
	"farms of an owner": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Farms(ctx, market.FarmQuery{Paging: paging(), OwnerID: b.buyer.ID, Sort: market.SortName}))
	}},
	"farms to verify": {do: func(ctx context.Context, b *hotBench) error {
		unverified := false
		return listed(b.Store.Farms(ctx, market.FarmQuery{Paging: paging(), Verified: &unverified, Sort: market.SortName}))
	}},
	"a session begins": {do: func(ctx context.Context, b *hotBench) error {
		now := b.Clock.Now()
		return b.Store.CreateSession(ctx, auth.Session{
			ID: uuid.NewString(), AccountID: b.buyer.ID, TokenHash: strings.Repeat("a", 64), CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		})
	}},
	"a session goes on": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.RotateSession(ctx, uuid.NewString(), strings.Repeat("a", 64), strings.Repeat("b", 64), b.Clock.Now())
		return ignoreMissing(err)
	}},
	"an account is looked up by its address": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.CredentialsOf(ctx, "nora@example.org")
		return err
	}},
	"attempts to log in are counted": {do: func(ctx context.Context, b *hotBench) error {
		_, _, err := b.Store.CountAttempt(ctx, strings.Repeat("c", 64), b.Clock.Now(), time.Minute)
		return err
	}},
	"an account is looked up for its token": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.Credentials(ctx, b.buyer.ID)
		return err
	}},
	"markets": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Markets(ctx, market.MarketQuery{Paging: paging()}))
	}},
	"markets, on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.Markets(ctx, market.MarketQuery{Paging: behind("a market")}))
	}},
	"market days": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.MarketDays(ctx, market.MarketDayQuery{Paging: paging()}))
	}},
	"market days from a date on": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.MarketDays(ctx, market.MarketDayQuery{Paging: paging(), From: b.Day.Date}))
	}},
	"a market's days": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.MarketDays(ctx, market.MarketDayQuery{Paging: paging(), MarketID: b.Market.ID}))
	}},
	"open market days": {do: func(ctx context.Context, b *hotBench) error {
		return listed(b.Store.MarketDays(ctx, market.MarketDayQuery{Paging: paging(), State: market.DayOpen, Now: b.Clock.Now()}))
	}},
	"open market days, on": {do: func(ctx context.Context, b *hotBench) error {
		query := market.MarketDayQuery{Paging: behind("2026-11-21"), State: market.DayOpen, Now: b.Clock.Now()}
		return listed(b.Store.MarketDays(ctx, query))
	}},
	"a market's open days": {do: func(ctx context.Context, b *hotBench) error {
		query := market.MarketDayQuery{Paging: paging(), MarketID: b.Market.ID, State: market.DayOpen, Now: b.Clock.Now()}
		return listed(b.Store.MarketDays(ctx, query))
	}},
	"the orders that move on": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.OpenOrders(ctx)
		return err
	}},
	"the job that forgets outcomes": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.ForgetOutcomes(ctx, b.since, 100)
		return err
	}},
	"the job that forgets events": {do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.ForgetEvents(ctx, b.since, 100)
		return err
	}},
	"a failed refund is tried again": {do: func(ctx context.Context, b *hotBench) error {
		_, _, err := b.Checkout.RetryRefund(ctx, b.Manager, b.order.ID, uuid.NewString())
		if errors.Is(err, market.ErrConflict) { // none has failed
			return nil
		}
		return err
	}},
	"a farm's verification is withdrawn and given again": {sorts: true, do: func(ctx context.Context, b *hotBench) error {
		if err := b.Store.SuspendFarm(ctx, b.Farms[1].ID, market.AnyVersion, b.Clock.Now()); err != nil {
			return err
		}
		return b.Store.VerifyFarm(ctx, b.Farms[1].ID, market.AnyVersion, b.buyer, b.Clock.Now())
	}},
	"the packing list of a day": {sorts: true, do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.PackingLines(ctx, b.Day.ID)
		return err
	}},
	"an owner's harvest of a day": {sorts: true, do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.HarvestLines(ctx, b.Day.ID, b.buyer.ID)
		return err
	}},
	"the harvest of a day": {sorts: true, do: func(ctx context.Context, b *hotBench) error {
		_, err := b.Store.HarvestLines(ctx, b.Day.ID, "")
		return err
	}},
}

func ignoreMissing(err error) error {
	if err != nil && strings.Contains(err.Error(), "not found") {
		return nil
	}
	return err
}

// TestWhatIsDoneAllTheTimeUsesAnIndex looks at the plan of every statement. PostgreSQL is told to scan and sort only
// where there is no other way, so that the plans are those of large tables.
func TestWhatIsDoneAllTheTimeUsesAnIndex(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		if strings.HasPrefix(url, "postgres") {
			url += "&enable_seqscan=off&enable_sort=off"
		}
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		bench := newHotBench(t, s)
		sent := &statements{}
		s.Observe(sent)
		for name, operation := range hotOperations {
			t.Run(name, func(t *testing.T) {
				bench.placeOrder(t)
				sent.take()
				require.NoError(t, operation.do(t.Context(), bench))
				explained := 0
				for _, query := range sent.take() {
					if explainable.MatchString(query) {
						requireNoScan(t, s, query, operation.sorts)
						explained++
					}
				}
				require.NotZero(t, explained)
			})
		}
	})
}

var (
	explainable = regexp.MustCompile(`^(SELECT|WITH|INSERT|UPDATE|DELETE|\()`)
	// A table is named here by its alias: a letter. What is longer is a part of the statement. An index that is walked from
	// its start is no scan where it gives the order of a list, which has a limit.
	scansOfSQLite     = regexp.MustCompile(`(?m)^SCAN [a-z]$|^SCAN \w+_\w+$|^SCAN [a-z]+_[a-z]+ USING`)
	scansOfPostgreSQL = regexp.MustCompile(`Seq Scan on \w+`)
	walksOfTheFew     = regexp.MustCompile(`(?m)^SCAN d USING (COVERING )?INDEX market_days_(to_close|not_closed_by_date)$`) // days that are not closed
	sortsOfBoth       = regexp.MustCompile(`TEMP B-TREE|Sort Key`)
)

func requireNoScan(t *testing.T, s *store.Store, query string, sorts bool) {
	t.Helper()
	plan := explain(t, s, query)
	scans := map[string]*regexp.Regexp{"sqlite": scansOfSQLite, "postgresql": scansOfPostgreSQL}[s.System()]
	require.False(t, scans.MatchString(plan), "it reads a whole table: %s\n%s", query, plan)
	if !strings.Contains(query, "LIMIT") {
		require.NotRegexp(t, `(?m)^SCAN [a-z] USING`, walksOfTheFew.ReplaceAllString(plan, ""), "it reads a whole index: %s", query)
	}
	if !sorts {
		require.False(t, sortsOfBoth.MatchString(plan), "it sorts: %s\n%s", query, plan)
	}
}

// TestASearchReadsABoundedPartOfAnOrderOrTheIndexOfTexts looks at the three statements that find a page.
func TestASearchReadsABoundedPartOfAnOrderOrTheIndexOfTexts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fill(t, s, 10_000)
		sent := &statements{}
		s.Observe(sent)
		ask := func(t *testing.T, search string, sort market.Sort) (finds []string) {
			_, err := s.Products(t.Context(), market.ProductQuery{Paging: paging(), Search: search, Sort: sort})
			require.NoError(t, err)
			for _, query := range sent.take() {
				if strings.HasPrefix(query, "WITH near") {
					finds = append(finds, query)
				}
			}
			return finds
		}
		for _, sort := range market.ProductSorts() {
			t.Run(fmt.Sprintf("a common word by %s walks a part of the order", sort), func(t *testing.T) {
				finds := ask(t, "field", sort)
				require.Len(t, finds, 1)
				require.Contains(t, finds[0], "LIMIT 300")
				plan := explain(t, s, finds[0])
				require.Regexp(t, `SCAN p USING INDEX products_by_|Index Scan (Backward )?using products_by_`, plan)
				require.NotContains(t, plan, "Sort Key: p.")
			})
			t.Run(fmt.Sprintf("a word that is neither by %s walks it until the page is full", sort), func(t *testing.T) {
				_, err := s.Products(t.Context(), market.ProductQuery{Paging: paging(), Search: "33", Sort: sort})
				require.NoError(t, err)
				for _, query := range sent.take() {
					if strings.Contains(query, "LIMIT 8000") {
						plan := explain(t, s, query)
						require.Regexp(t, `SCAN p USING INDEX products_by_|Index Scan (Backward )?using products_by_`, plan)
						require.NotRegexp(t, `Sort Key|TEMP B-TREE`, plan)
						return
					}
				}
				require.Fail(t, "it was not asked for what is far")
			})
			for _, words := range []string{"zzz 9999", "zz", "z"} {
				t.Run(fmt.Sprintf("rare words, as %s, by %s are looked up", words, sort), func(t *testing.T) {
					_, err := s.Products(t.Context(), market.ProductQuery{Paging: paging(), Search: words, Sort: sort})
					require.NoError(t, err)
					plan := explain(t, s, sent.take()[1]) // after the index of texts, or after what is near
					require.Regexp(t, `SEARCH p USING INDEX sqlite_autoindex_products_1 \(id=\?\)|Bitmap Index Scan on products_by_text`, plan)
					require.NotRegexp(t, `(?m)SCAN p$|Seq Scan on products`, plan)
				})
			}
		}
	})
}
