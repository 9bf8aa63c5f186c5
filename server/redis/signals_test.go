package redis_test

import (
	"context"
	"io"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestAUseOfRedisIsPartOfTheRequestsTrace(t *testing.T) {
	const key = "farmersmarket:test:signals"
	for name, c := range map[string]struct {
		operation string
		use       func(ctx context.Context, r goredis.UniversalClient) error
		batch     string
		errorType string
		code      string
	}{
		"a command": {operation: catalogue.RedisRead, use: ping},
		"a pipeline": {
			operation: catalogue.RedisPipeline, batch: "int_value:2",
			use: func(ctx context.Context, r goredis.UniversalClient) error {
				_, err := r.Pipelined(ctx, func(p goredis.Pipeliner) error { p.Get(ctx, key); p.Get(ctx, key); return nil })
				return err
			},
		},
		"a transaction": {
			operation: catalogue.RedisPipeline, batch: "int_value:3",
			use: func(ctx context.Context, r goredis.UniversalClient) error {
				_, err := r.TxPipelined(ctx, func(p goredis.Pipeliner) error {
					p.Exists(ctx, key)
					p.Exists(ctx, key)
					p.Exists(ctx, key)
					return nil
				})
				return err
			},
		},
		"a command that is wrong": {
			operation: catalogue.RedisRead, errorType: "internal", code: "ERR",
			use: func(ctx context.Context, r goredis.UniversalClient) error { return r.Do(ctx, "NOSUCHCOMMAND").Err() },
		},
		"a Redis that does not answer in time": {
			operation: catalogue.RedisRead, errorType: "timeout",
			use: func(ctx context.Context, r goredis.UniversalClient) error {
				return r.BLPop(ctx, time.Second, key+":empty").Err()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.NewCollector(t)
			tel, err := telemetry.Start(telemetry.Config{
				Service: "test", OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1, Logs: io.Discard,
				ExportInterval: 5 * time.Millisecond,
			})
			require.NoError(t, err)
			client := redistest.Open(t, redistest.URL(t).String(), tel)
			ctx, parent := tel.TracerProvider().Tracer("test").Start(t.Context(), "request")
			defer parent.End()
			err = client.Do(ctx, c.operation, c.use)
			require.Equal(t, c.errorType != "", err != nil)
			span := collector.WaitForSpans(1)[0]
			require.Equal(t, c.operation, span.GetName())
			parentID := parent.SpanContext().SpanID()
			require.Equal(t, parentID[:], span.GetParentSpanId())
			require.Equal(t, "redis", telemetrytest.Attribute(span, "db.system.name"))
			require.Equal(t, c.batch, telemetrytest.Attribute(span, "db.operation.batch.size"))
			require.Equal(t, c.errorType, telemetrytest.Attribute(span, "error.type"))
			require.Equal(t, c.code, telemetrytest.Attribute(span, "db.response.status_code"))
		})
	}
}
