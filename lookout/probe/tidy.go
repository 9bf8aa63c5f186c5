package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/farmersmarket/platform/sdk/go/market"
)

// tidy cancels every open order of the synthetic customer: those of a run that failed, or was killed before it could
// cancel. One whose market day has closed in the meantime cannot be cancelled by a customer any more; it is counted, and
// is for a market manager to cancel. The states are asked for in the order in which an order goes through them: a payment that
// a stopped run left under way may succeed in between, and its order would be seen in neither otherwise.
func (r *run) tidy(ctx context.Context) error {
	r.result.LeftOver = 0
	for _, state := range []market.ListOrdersParamsState{market.ListOrdersParamsStatePendingPayment, market.ListOrdersParamsStatePaid} {
		if err := r.tidyState(ctx, state); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) tidyState(ctx context.Context, state market.ListOrdersParamsState) error {
	limit := int64(pageLimit)
	answer, err := r.api.ListOrdersWithResponse(ctx, &market.ListOrdersParams{State: &state, Limit: &limit})
	if err != nil {
		return err
	}
	if err := market.Check(answer.HTTPResponse, answer.Body); err != nil {
		return err
	}
	if answer.JSON200 == nil {
		return unexpected(answer.HTTPResponse, "orders")
	}
	for _, order := range answer.JSON200.Data {
		_, err := r.cancelOrder(ctx, order.Id)
		problem := (*market.Problem)(nil)
		switch {
		case err == nil:
			r.result.Cleaned++
		case errors.As(err, &problem) && problem.Status == http.StatusConflict:
			r.result.LeftOver++
		default:
			return fmt.Errorf("cancel order %s, which an earlier run left: %w", order.Id, err)
		}
	}
	return nil
}
