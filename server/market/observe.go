package market

import "context"

// atomically is CheckoutStore.Atomically, after which the observer is told what became of payments.
func (c *Checkout) atomically(ctx context.Context, doing string, steps func(ctx context.Context, tx CheckoutTx) error) error {
	var seen *paymentsSeen
	err := c.store.Atomically(ctx, doing, func(ctx context.Context, tx CheckoutTx) error {
		seen = &paymentsSeen{CheckoutTx: tx} // a new one each time, should the store repeat the steps
		return steps(ctx, seen)
	})
	if err == nil && seen != nil {
		for _, payment := range seen.changed {
			c.observer.PaymentBecame(ctx, payment)
		}
	}
	return err
}

// paymentsSeen is a transaction that remembers which payments it brings into another state.
type paymentsSeen struct {
	CheckoutTx

	before  map[string]PaymentState // by id, of the orders that were locked
	changed []Payment
}

// LockOrder implements CheckoutTx.
func (s *paymentsSeen) LockOrder(ctx context.Context, id string) (Order, error) {
	order, err := s.CheckoutTx.LockOrder(ctx, id)
	for _, payment := range order.Payments {
		if s.before == nil {
			s.before = map[string]PaymentState{}
		}
		s.before[payment.ID] = payment.State
	}
	return order, err
}

// SavePayment implements CheckoutTx.
func (s *paymentsSeen) SavePayment(ctx context.Context, customerID string, payment Payment) error {
	if err := s.CheckoutTx.SavePayment(ctx, customerID, payment); err != nil {
		return err
	}
	if s.before[payment.ID] != payment.State {
		s.changed = append(s.changed, payment)
	}
	return nil
}
