package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/farmersmarket/platform/telemetry"
)

// stats is the state of the pool of connections.
func (c *Client) stats() telemetry.PoolStats {
	s := c.pool.PoolStats()
	pending, timeouts := int(s.PendingRequests), int64(s.Timeouts)
	return telemetry.PoolStats{
		Idle: int(s.IdleConns), Used: int(s.TotalConns) - int(s.IdleConns), Max: c.pool.Options().PoolSize,
		Waits: int64(s.WaitCount), WaitTime: time.Duration(s.WaitDurationNs), Pending: &pending, Timeouts: &timeouts,
	}
}

// batches says on the span of a pipeline how many commands it has.
type batches struct{}

// DialHook implements goredis.Hook.
func (batches) DialHook(next goredis.DialHook) goredis.DialHook { return next }

// ProcessHook implements goredis.Hook.
func (batches) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

// ProcessPipelineHook implements goredis.Hook.
func (batches) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, commands []goredis.Cmder) error {
		n := len(commands)
		if n > 1 && commands[0].Name() == "multi" { // and the last is the EXEC
			n -= 2
		}
		telemetry.BatchSize(ctx, n)
		return next(ctx, commands)
	}
}
