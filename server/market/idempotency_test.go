package market_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

func TestARepeatedPlacementIsAnsweredAsTheFirstWasWhateverHappenedSince(t *testing.T) {
	for name, since := range map[string]func(*testing.T, *markettest.Fair, market.Order){
		"the order was paid": func(t *testing.T, fair *markettest.Fair, order market.Order) { pay(t, fair, order) },
		"the order was cancelled": func(t *testing.T, fair *markettest.Fair, order market.Order) {
			_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
			require.NoError(t, err)
		},
		"the order has expired": func(t *testing.T, fair *markettest.Fair, order market.Order) {
			fair.Clock.Set(order.HoldExpiresAt)
			upkeep(t, fair)
		},
		"outcomes were forgotten": func(t *testing.T, fair *markettest.Fair, _ market.Order) {
			fair.Clock.Advance(2 * market.OutcomeRetention)
			forget(t, fair)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{5, 5}, func(t *testing.T, fair *markettest.Fair) {
				buyer, wanted := markettest.Buyer(), fair.Want(2, 1)
				first := place(t, fair, buyer, wanted)
				since(t, fair, first)
				again, replayed, err := fair.Checkout.Place(t.Context(), buyer, wanted)
				require.NoError(t, err)
				require.True(t, replayed)
				require.Equal(t, first, again)
			})
		})
	}
}

func forget(t *testing.T, fair *markettest.Fair) int {
	t.Helper()
	n, err := fair.Checkout.Forget(t.Context())
	require.NoError(t, err)
	return n
}

func TestARefusalIsRepeatedInTheSameWordsUntilItIsForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(*markettest.Fair, *market.Placement)
		mend   func(*testing.T, *markettest.Fair)
		later  error // what the same request comes to once its outcome is forgotten; nil: it is taken
	}{
		"sold out": {
			refuse: func(fair *markettest.Fair, p *market.Placement) { p.Lines[0].Quantity = 8 },
			mend: func(t *testing.T, fair *markettest.Fair) {
				more := int64(20)
				_, err := fair.Plan.ChangeOffering(t.Context(), fair.Manager, fair.Offerings[0].ID, market.OfferingChange{Quantity: &more})
				require.NoError(t, err)
			},
		},
		"before the window": {
			refuse: func(fair *markettest.Fair, _ *market.Placement) { fair.Clock.Set(fair.Day.OpensAt.Add(-time.Hour)) },
			mend:   func(_ *testing.T, fair *markettest.Fair) { fair.Clock.Set(fair.Day.OpensAt) },
		},
		"a slot that there is not": {
			refuse: func(_ *markettest.Fair, p *market.Placement) { p.SlotID = uuid.NewString() },
			mend:   func(*testing.T, *markettest.Fair) {}, later: market.ErrNotFound,
		},
		"a quantity without bounds": {
			refuse: func(_ *markettest.Fair, p *market.Placement) { p.Lines[0].Quantity = 1<<63 - 1 },
			mend:   func(*testing.T, *markettest.Fair) {}, later: market.ErrInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{5}, func(t *testing.T, fair *markettest.Fair) {
				buyer, wanted := markettest.Buyer(), fair.Want(1)
				test.refuse(fair, &wanted)
				_, replayed, first := fair.Checkout.Place(t.Context(), buyer, wanted)
				require.Error(t, first)
				require.False(t, replayed)
				test.mend(t, fair)
				_, replayed, again := fair.Checkout.Place(t.Context(), buyer, wanted)
				require.True(t, replayed)
				require.Equal(t, first.Error(), again.Error())
				require.Equal(t, fmt.Sprintf("%T", first), fmt.Sprintf("%T", again))
				require.LessOrEqual(t, fair.Observer.SoldOuts(), 1, "it was counted once")

				other := wanted
				other.Lines = []market.WantedLine{{OfferingID: wanted.Lines[0].OfferingID, Quantity: 3}}
				_, _, err := fair.Checkout.Place(t.Context(), buyer, other)
				require.ErrorIs(t, err, market.ErrKeyReused)

				require.Zero(t, forget(t, fair), "it may still be repeated")
				fair.Clock.Advance(market.OutcomeRetention)
				require.Equal(t, 1, forget(t, fair))
				_, replayed, err = fair.Checkout.Place(t.Context(), buyer, wanted)
				require.ErrorIs(t, err, test.later)
				require.False(t, replayed)
			})
		})
	}
}

func TestAKeyIsItsAccountsAndItsOperationsOwn(t *testing.T) {
	eachFair(t, []int64{5}, func(t *testing.T, fair *markettest.Fair) {
		wanted := fair.Want(1)
		one, other := place(t, fair, markettest.Buyer(), wanted), place(t, fair, markettest.Buyer(), wanted)
		require.NotEqual(t, one.ID, other.ID)
		for _, order := range []market.Order{one, other} {
			_, _, replayed, err := fair.Checkout.Pay(t.Context(), owner(order),
				market.PayRequest{OrderID: order.ID, IdempotencyKey: wanted.IdempotencyKey})
			require.NoError(t, err)
			require.False(t, replayed)
		}
	})
}

func TestARepeatedPaymentIsAnsweredAsTheFirstWasWhateverHappenedSince(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*testing.T, *markettest.Fair, market.Order)
		since  func(*testing.T, *markettest.Fair, market.Order)
		is     error
	}{
		"paid, and then cancelled": {
			since: func(t *testing.T, fair *markettest.Fair, order market.Order) {
				_, err := fair.Checkout.Cancel(t.Context(), owner(order), order.ID)
				require.NoError(t, err)
				upkeep(t, fair)
			},
		},
		"to be confirmed, and then captured": {
			before: func(_ *testing.T, fair *markettest.Fair, _ market.Order) {
				fair.Provider.Answer(market.PaymentRequiresAction)
			},
			since: func(t *testing.T, fair *markettest.Fair, _ market.Order) {
				event := fair.Provider.Report(fair.Provider.Intents()[0].ProviderRef, market.PaymentSucceeded)
				require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event))
			},
		},
		"declined, and then paid with another key": {
			before: func(_ *testing.T, fair *markettest.Fair, _ market.Order) {
				fair.Provider.Decline("the card has expired")
			},
			since: func(t *testing.T, fair *markettest.Fair, order market.Order) {
				fair.Provider.Decline("")
				pay(t, fair, order)
			},
			is: market.ErrPaymentDeclined,
		},
		"refused because another was under way, which then failed": {
			before: func(t *testing.T, fair *markettest.Fair, order market.Order) {
				fair.Provider.Answer(market.PaymentProcessing)
				pay(t, fair, order)
			},
			since: func(t *testing.T, fair *markettest.Fair, _ market.Order) {
				event := fair.Provider.Report(fair.Provider.Intents()[0].ProviderRef, market.PaymentFailed)
				require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event))
			},
			is: market.ErrConflict,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachFair(t, []int64{5}, func(t *testing.T, fair *markettest.Fair) {
				order := place(t, fair, markettest.Buyer(), fair.Want(1))
				if test.before != nil {
					test.before(t, fair, order)
				}
				request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "the-key"}
				first, payment, replayed, err := fair.Checkout.Pay(t.Context(), owner(order), request)
				require.ErrorIs(t, err, test.is)
				require.False(t, replayed)
				test.since(t, fair, order)
				asked := len(fair.Provider.Intents())
				again, same, replayed, repeated := fair.Checkout.Pay(t.Context(), owner(order), request)
				require.True(t, replayed)
				require.Equal(t, err, repeated)
				require.Equal(t, first, again)
				require.Equal(t, payment, same)
				require.Len(t, fair.Provider.Intents(), asked)
			})
		})
	}
}

func TestAPaymentIsNotMadeAgainOnceItsOutcomeIsForgotten(t *testing.T) {
	eachFair(t, []int64{5}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "the-key"}
		_, _, _, err := fair.Checkout.Pay(t.Context(), owner(order), request)
		require.NoError(t, err)
		fair.Clock.Advance(market.OutcomeRetention)
		require.Equal(t, 1, forget(t, fair))
		_, payment, replayed, err := fair.Checkout.Pay(t.Context(), owner(order), request)
		require.NoError(t, err)
		require.True(t, replayed)
		require.Equal(t, market.PaymentSucceeded, payment.State)
		require.Len(t, fair.Provider.Intents(), 1)
	})
}

// waitingProvider lets a call of CreateIntent wait until the test lets it go on.
type waitingProvider struct {
	market.PaymentProvider

	calls  atomic.Int64
	called chan struct{}
	goOn   chan struct{}
}

func (p *waitingProvider) CreateIntent(ctx context.Context, request market.PaymentRequest) (market.PaymentIntent, error) {
	if p.calls.Add(1) == 1 {
		close(p.called)
	}
	<-p.goOn
	return p.PaymentProvider.CreateIntent(ctx, request)
}

func TestARepeatWaitsForThePaymentThatIsUnderWay(t *testing.T) {
	eachFair(t, []int64{5}, func(t *testing.T, fair *markettest.Fair) {
		order := place(t, fair, markettest.Buyer(), fair.Want(1))
		provider := &waitingProvider{PaymentProvider: fair.Provider, called: make(chan struct{}), goOn: make(chan struct{})}
		checkout := market.NewCheckout(fair.Store, provider, fair.Clock, fair.Observer, markettest.Rules())
		request := market.PayRequest{OrderID: order.ID, IdempotencyKey: "the-key"}
		var group errgroup.Group
		var paid market.Order
		group.Go(func() (err error) {
			paid, _, _, err = checkout.Pay(t.Context(), owner(order), request)
			return err
		})
		<-provider.called
		_, _, _, err := checkout.Pay(t.Context(), owner(order), request)
		require.ErrorIs(t, err, market.ErrInProgress, "it has waited for as long as it does")
		deadline := &deadline{Context: t.Context(), passed: make(chan struct{})}
		hurried := market.NewCheckout(&passingStore{fair.Store, deadline}, provider, fair.Clock, fair.Observer, markettest.Rules())
		_, _, _, err = hurried.Pay(deadline, owner(order), request)
		require.ErrorIs(t, err, market.ErrInProgress, "or until its deadline")

		var again market.Order
		group.Go(func() (err error) {
			var replayed bool
			again, _, replayed, err = checkout.Pay(t.Context(), owner(order), request)
			if err == nil && !replayed {
				err = errors.New("it is a repeat")
			}
			return err
		})
		close(provider.goOn)
		require.NoError(t, group.Wait())
		require.Equal(t, paid, again)
		require.EqualValues(t, 1, provider.calls.Load())
	})
}

// deadline is a context whose deadline passes when the test says so.
type deadline struct {
	context.Context

	passed chan struct{}
}

func (d *deadline) Done() <-chan struct{} { return d.passed }

func (d *deadline) Err() error {
	select {
	case <-d.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// passingStore lets the deadline pass behind the first transaction.
type passingStore struct {
	market.CheckoutStore

	deadline *deadline
}

func (s *passingStore) Atomically(ctx context.Context, doing string, steps func(context.Context, market.CheckoutTx) error) error {
	defer close(s.deadline.passed)
	return s.CheckoutStore.Atomically(ctx, doing, steps)
}

// requireWaiting waits until a statement with the text waits for a lock of PostgreSQL.
func requireWaiting(t *testing.T, s *store.Store, text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting int
		require.NoError(t, s.DB().NewRaw("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE ?",
			"%"+text+"%").Scan(ctx(), &waiting))
		return waiting == 1
	}, time.Minute, time.Millisecond)
}

// waitingStore lets a transaction wait until the test lets it go on.
type waitingStore struct {
	market.CheckoutStore

	begun chan struct{}
	goOn  chan struct{}
}

func (s *waitingStore) Atomically(ctx context.Context, doing string, steps func(context.Context, market.CheckoutTx) error) error {
	s.begun <- struct{}{}
	<-s.goOn
	return s.CheckoutStore.Atomically(ctx, doing, steps)
}

func TestARepeatWaitsForThePlacementThatIsUnderWay(t *testing.T) {
	eachFair(t, []int64{5}, func(t *testing.T, fair *markettest.Fair) {
		waiting := &waitingStore{CheckoutStore: fair.Store, begun: make(chan struct{}, 10), goOn: make(chan struct{})}
		checkout := market.NewCheckout(waiting, fair.Provider, fair.Clock, fair.Observer, markettest.Rules())
		buyer, wanted := markettest.Buyer(), fair.Want(1)
		var group errgroup.Group
		placed := make([]market.Order, 2)
		place := func(i int) func() error {
			return func() (err error) {
				var replayed bool
				placed[i], replayed, err = checkout.Place(t.Context(), buyer, wanted)
				if err == nil && replayed != (i == 1) {
					err = fmt.Errorf("request %d is a repeat: %t", i, replayed)
				}
				return err
			}
		}
		group.Go(place(0))
		<-waiting.begun
		for name, patience := range map[string]time.Duration{"as long as it does": time.Minute, "until its deadline": 50 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, _, err := checkout.Place(ctx, buyer, wanted)
			cancel()
			require.ErrorIs(t, err, market.ErrInProgress, name)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		_, _, err := checkout.Place(gone, buyer, wanted)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, market.ErrInProgress)

		group.Go(place(1))
		close(waiting.goOn)
		require.NoError(t, group.Wait())
		require.Equal(t, placed[0], placed[1])
		require.EqualValues(t, 4, fair.Available(t, 0))
	})
}

func TestARepeatWaitsForThePlacementThatIsUnderWayInAnotherProcess(t *testing.T) {
	url := storetest.PostgreSQL(t)
	patient := storetest.Open(t, url, store.Options{})
	_, err := migrations.Migrate(t.Context(), patient.DB())
	require.NoError(t, err)
	fair := markettest.NewFair(t, patient, 5)
	buyer, wanted := markettest.Buyer(), fair.Want(1)
	placing := func(ctx context.Context, s *store.Store) error {
		_, _, err := market.NewCheckout(s, fair.Provider, fair.Clock, fair.Observer, markettest.Rules()).Place(ctx, buyer, wanted)
		return err
	}

	held, err := storetest.Open(t, url, store.Options{}).DB().Begin()
	require.NoError(t, err)
	_, err = held.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", buyer.ID+" "+wanted.IdempotencyKey)
	require.NoError(t, err)
	err = placing(t.Context(), storetest.Open(t, url, store.Options{StatementTimeout: 300 * time.Millisecond}))
	require.ErrorIs(t, err, market.ErrInProgress, "the database ends the wait")
	require.ErrorContains(t, err, wanted.IdempotencyKey)

	deadline := &deadline{Context: t.Context(), passed: make(chan struct{})}
	var repeat errgroup.Group
	repeat.Go(func() error { return placing(deadline, patient) })
	requireWaiting(t, patient, wanted.IdempotencyKey)
	close(deadline.passed)
	require.ErrorIs(t, repeat.Wait(), market.ErrInProgress, "its deadline does")

	require.NoError(t, held.Rollback())
	place(t, fair, buyer, wanted)
}

// slowStore lets a transaction that adds an order wait until the test lets it go on.
type slowStore struct {
	market.CheckoutStore

	adding chan struct{}
	goOn   chan struct{}
}

func (s *slowStore) Atomically(ctx context.Context, doing string, steps func(context.Context, market.CheckoutTx) error) error {
	return s.CheckoutStore.Atomically(ctx, doing, func(ctx context.Context, tx market.CheckoutTx) error {
		return steps(ctx, &slowTx{CheckoutTx: tx, store: s})
	})
}

type slowTx struct {
	market.CheckoutTx

	store *slowStore
}

func (tx *slowTx) AddOrder(ctx context.Context, order market.Order) error {
	close(tx.store.adding)
	<-tx.store.goOn
	return tx.CheckoutTx.AddOrder(ctx, order)
}

func TestAnOrderThatIsBeingPlacedIsNotSaidToBeMissing(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{StatementTimeout: time.Minute})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		fair := markettest.NewFair(t, s, 5)
		buyer, wanted := markettest.Buyer(), fair.Want(1)
		slow := &slowStore{CheckoutStore: s, adding: make(chan struct{}), goOn: make(chan struct{})}
		goOn := sync.OnceFunc(func() { close(slow.goOn) })
		defer goOn()
		var group errgroup.Group
		var placed, found market.Order
		group.Go(func() (err error) {
			placed, _, err = market.NewCheckout(slow, fair.Provider, fair.Clock, fair.Observer, markettest.Rules()).Place(t.Context(), buyer, wanted)
			return err
		})
		<-slow.adding

		hurried := market.NewCheckout(storetest.Open(t, url, store.Options{StatementTimeout: 100 * time.Millisecond}),
			fair.Provider, fair.Clock, fair.Observer, markettest.Rules())
		_, err = hurried.OrderByKey(t.Context(), buyer, wanted.IdempotencyKey)
		if s.System() == "sqlite" { // which knows that something is being written, not what
			require.ErrorIs(t, err, market.ErrTimeout)
		} else {
			require.ErrorIs(t, err, market.ErrInProgress)
			_, err = hurried.OrderByKey(t.Context(), buyer, uuid.NewString())
			require.ErrorIs(t, err, market.ErrNotFound, "another key does not wait")
		}
		group.Go(func() (err error) {
			found, err = fair.Checkout.OrderByKey(t.Context(), buyer, wanted.IdempotencyKey)
			return err
		})
		goOn()
		require.NoError(t, group.Wait())
		require.Equal(t, placed, found)
	})
}

func TestAnEventIsTakenInOnceAcrossRestarts(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, store.Options{})
		_, err := migrations.Migrate(t.Context(), s.DB())
		require.NoError(t, err)
		fair := markettest.NewFair(t, s, 9)
		order, payment := pending(t, fair)
		event := fair.Provider.Report(payment.ProviderRef, market.PaymentRequiresAction)
		var group errgroup.Group
		var taken, seen atomic.Int64
		for range 10 {
			group.Go(func() error {
				err := fair.Checkout.HandlePaymentEvent(t.Context(), event)
				if errors.Is(err, market.ErrEventSeen) {
					seen.Add(1)
					return nil
				}
				taken.Add(1)
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.EqualValues(t, 1, taken.Load())
		require.EqualValues(t, 9, seen.Load())

		restarted := market.NewCheckout(storetest.Open(t, url, store.Options{}), fair.Provider, fair.Clock, fair.Observer, markettest.Rules())
		require.ErrorIs(t, restarted.HandlePaymentEvent(t.Context(), event), market.ErrEventSeen)
		elsewhere := event
		elsewhere.Provider = "stripe"
		require.NoError(t, restarted.HandlePaymentEvent(t.Context(), elsewhere), "ids are each provider's own")
		late := fair.Provider.Report(payment.ProviderRef, market.PaymentSucceeded)
		require.NoError(t, restarted.HandlePaymentEvent(t.Context(), late))
		found, err := restarted.Order(t.Context(), owner(order), order.ID)
		require.NoError(t, err)
		require.Equal(t, market.OrderPaid, found.State)

		fair.Clock.Advance(32 * 24 * time.Hour)
		_, err = restarted.Forget(t.Context())
		require.NoError(t, err)
		left, err := s.DB().NewSelect().Table("payment_events").Count(t.Context())
		require.NoError(t, err)
		require.Zero(t, left)
	})
}

func TestAnEventWhoseEffectIsNotStoredIsNotTakenIn(t *testing.T) {
	eachFair(t, []int64{9}, func(t *testing.T, fair *markettest.Fair) {
		_, payment := pending(t, fair)
		event := fair.Provider.Report(payment.ProviderRef, market.PaymentSucceeded)
		_, err := fair.Store.DB().ExecContext(t.Context(), "ALTER TABLE payments RENAME COLUMN failure TO away")
		require.NoError(t, err)
		require.Error(t, fair.Checkout.HandlePaymentEvent(t.Context(), event))
		_, err = fair.Store.DB().ExecContext(t.Context(), "ALTER TABLE payments RENAME COLUMN away TO failure")
		require.NoError(t, err)
		require.NoError(t, fair.Checkout.HandlePaymentEvent(t.Context(), event), "delivered again, it counts")
	})
}
