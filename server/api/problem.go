package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Problem is how every error is answered: RFC 9457, with the id under which support finds the request.
type Problem struct {
	Type    string              `json:"type,omitempty" format:"uri" default:"about:blank" doc:"A URI that names the kind of problem."`
	Title   string              `json:"title" example:"Not Found" doc:"The kind of problem, in a few words."`
	Status  int                 `json:"status" example:"404" doc:"The HTTP status code."`
	Detail  string              `json:"detail,omitempty" example:"product 0198… not found" doc:"What is wrong in this case."`
	TraceID string              `json:"trace_id,omitempty" example:"4bf92f3577b34da6a3ce929d0e0e4736" doc:"Id of the request's trace; give it to support."`
	Errors  []*huma.ErrorDetail `json:"errors,omitempty" doc:"Each thing that is wrong with the request."`

	retryAfter string // seconds, for the header
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes the answer application/problem+json.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// retryAfter is what a client is told when a dependency is down, in seconds: the health checks' interval.
const retryAfter = "5"

// useProblems makes Huma answer its own errors with a Problem. Huma takes this from a package variable only.
var useProblems = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := newProblem(status, message)
		for _, err := range errs {
			var detailer huma.ErrorDetailer
			switch {
			case err == nil:
			case errors.As(err, &detailer):
				p.Errors = append(p.Errors, detailer.ErrorDetail())
			default:
				p.Errors = append(p.Errors, &huma.ErrorDetail{Message: err.Error()})
			}
		}
		return withoutSecrets(p)
	}
})

func newProblem(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// addTraceID completes the problems that handlers return.
func addTraceID(ctx huma.Context, _ string, body any) (any, error) {
	if p, ok := body.(*Problem); ok {
		p.TraceID = telemetry.TraceID(ctx.Context())
	}
	return body, nil
}

// problemOf answers an error of the domain, in a Huma handler.
func problemOf(ctx context.Context, err error) error {
	p := withoutSecrets(describe(ctx, err))
	if name, value := headerOf(p); name != "" {
		return huma.ErrorWithHeaders(p, http.Header{name: {value}})
	}
	return p
}

// headerOf returns the header that the answer must have; an empty name for none.
func headerOf(p *Problem) (name, value string) {
	switch p.Status {
	case http.StatusUnauthorized:
		return fiber.HeaderWWWAuthenticate, challenge
	case http.StatusServiceUnavailable:
		return fiber.HeaderRetryAfter, retryAfter
	}
	if p.retryAfter != "" {
		return fiber.HeaderRetryAfter, p.retryAfter
	}
	return "", ""
}

// answerError answers what never reached a handler, or panicked in one.
func answerError(c *fiber.Ctx, err error) error {
	p := withoutSecrets(describe(c.UserContext(), err))
	if p.Status == http.StatusMethodNotAllowed {
		p.Detail = "this path does not take the method " + methodOf(c)
	}
	p.TraceID = telemetry.TraceID(c.UserContext())
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write problem %d: %w", p.Status, err)
	}
	if name, value := headerOf(p); name != "" {
		c.Set(name, value)
	}
	secure(c) // what is refused while it is read passes no middleware
	c.Set(fiber.HeaderContentType, problemType)
	return c.Status(p.Status).Send(body)
}

// describe turns an error into a problem. What is no fault of the client's is told in general words; the cause goes to
// the span and the log.
func describe(ctx context.Context, err error) *Problem {
	var invalid *market.InvalidError
	var status *fiber.Error
	var throttled *auth.ThrottledError
	var problem *Problem
	if p := describeOrdering(ctx, err); p != nil {
		return p
	}
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &status):
		return describeStatus(status)
	case errors.As(err, &throttled):
		p := newProblem(http.StatusTooManyRequests, err.Error())
		p.retryAfter = strconv.Itoa(int(math.Ceil(throttled.RetryAfter.Seconds())))
		return p
	case errors.Is(err, market.ErrUnauthenticated):
		return newProblem(http.StatusUnauthorized, err.Error())
	case errors.Is(err, market.ErrForbidden):
		return newProblem(http.StatusForbidden, err.Error())
	case errors.Is(err, market.ErrConflict):
		return newProblem(http.StatusConflict, err.Error())
	case errors.Is(err, market.ErrPreconditionFailed):
		return newProblem(http.StatusPreconditionFailed, err.Error())
	case errors.Is(err, market.ErrNotFound):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.As(err, &invalid):
		return describeInvalid(err, *invalid)
	case errors.Is(err, context.Canceled):
		telemetry.Fail(ctx, catalogue.ErrorCanceled, err)
		return newProblem(http.StatusServiceUnavailable, "the request was given up")
	case errors.Is(err, market.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		telemetry.Fail(ctx, catalogue.ErrorTimeout, err)
		return newProblem(http.StatusGatewayTimeout, "the answer took too long; try again")
	case errors.Is(err, market.ErrUnavailable):
		telemetry.Fail(ctx, catalogue.ErrorDependency, err)
		return newProblem(http.StatusServiceUnavailable, "the market's database does not answer; try again in a few seconds")
	}
	telemetry.Fail(ctx, catalogue.ErrorInternal, err)
	return newProblem(http.StatusInternalServerError, "something went wrong on our side")
}

// describeStatus answers what Fiber itself refuses.
func describeStatus(status *fiber.Error) *Problem {
	if status.Code == http.StatusNotFound {
		return newProblem(status.Code, "there is nothing at this path; /docs lists what there is")
	}
	return newProblem(status.Code, status.Message)
}
