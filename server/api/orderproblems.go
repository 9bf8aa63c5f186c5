package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// inProgressRetryAfter is when to repeat a request whose first one has not ended, in seconds.
const inProgressRetryAfter = "1"

// refusedReplay answers an error of a request with an idempotency key, and says whether it is that of an earlier request.
func refusedReplay(ctx context.Context, err error, replayed bool) error {
	problem := problemOf(ctx, err)
	if !replayed {
		return problem
	}
	return huma.ErrorWithHeaders(problem, http.Header{replayedHeader: {"true"}})
}

// describeOrdering turns the errors that only orders and payments have into problems; nil for others.
func describeOrdering(ctx context.Context, err error) *Problem {
	var soldOut *market.SoldOutError
	var withdrawn *market.WithdrawnError
	switch {
	case errors.As(err, &withdrawn):
		p := newProblem(http.StatusConflict, err.Error())
		for _, line := range withdrawn.Lines {
			p.Errors = append(p.Errors, &huma.ErrorDetail{
				Location: fmt.Sprintf("body.lines[%d].offering_id", line.Index), Message: line.Name + " is not on sale any more",
			})
		}
		return p
	case errors.As(err, &soldOut):
		p := newProblem(http.StatusConflict, err.Error())
		for _, line := range soldOut.Lines {
			p.Errors = append(p.Errors, &huma.ErrorDetail{
				Location: fmt.Sprintf("body.lines[%d].quantity", line.Index), Value: line.Wanted,
				Message: fmt.Sprintf("%d wanted, %d left of %s", line.Wanted, line.Available, line.Name),
			})
		}
		return p
	case errors.Is(err, market.ErrKeyReused):
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, market.ErrInProgress):
		p := newProblem(http.StatusConflict, err.Error())
		p.retryAfter = inProgressRetryAfter
		return p
	case errors.Is(err, market.ErrPaymentDeclined):
		return newProblem(http.StatusPaymentRequired, err.Error())
	case errors.Is(err, market.ErrProviderUnavailable):
		telemetry.Fail(ctx, catalogue.ErrorDependency, err)
		return newProblem(http.StatusServiceUnavailable,
			"the payment provider does not answer; the order is kept: repeat this with the same Idempotency-Key in a few seconds")
	}
	return nil
}
