package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/market"
)

func TestErrorsHaveAKind(t *testing.T) {
	state := func(code string) error { return &pgconn.PgError{Code: code} }
	for name, test := range map[string]struct {
		err  error
		want error // nil for a fault of ours
	}{
		"PostgreSQL's disk is full":                {state("53100"), market.ErrUnavailable},
		"PostgreSQL has no connection to spare":    {state("53300"), market.ErrUnavailable},
		"PostgreSQL is shutting down":              {state("57P01"), market.ErrUnavailable},
		"PostgreSQL is starting up":                {state("57P03"), market.ErrUnavailable},
		"PostgreSQL is a standby":                  {state("25006"), market.ErrUnavailable},
		"PostgreSQL found damaged data":            {state("XX001"), market.ErrUnavailable},
		"PostgreSQL ended a slow statement":        {state("57014"), market.ErrTimeout},
		"PostgreSQL waited too long for a lock":    {state("55P03"), market.ErrTimeout},
		"a statement that PostgreSQL cannot parse": {state("42601"), nil},
		"a row that breaks a rule":                 {state("23514"), nil},
		"a connection that broke":                  {io.ErrUnexpectedEOF, market.ErrUnavailable},
		"our bound on time":                        {context.DeadlineExceeded, market.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			err := classify(t.Context(), "list products", fmt.Errorf("wrapped: %w", test.err))
			require.ErrorIs(t, err, test.err)
			require.ErrorContains(t, err, "list products: ")
			for _, kind := range []error{market.ErrUnavailable, market.ErrTimeout} {
				require.Equal(t, errors.Is(kind, test.want), errors.Is(err, kind), "%v", kind)
			}
		})
	}
}
