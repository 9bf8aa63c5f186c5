package redis

import (
	"context"
	"net"
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

// measured measures the opening of connections, and says on the span of a pipeline how many commands it has.
type measured struct{ opening func() (opened func(error)) }

// DialHook implements goredis.Hook.
func (m measured) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		opened := m.opening()
		conn, err := next(ctx, network, address)
		opened(err)
		return conn, err
	}
}

// ProcessHook implements goredis.Hook.
func (measured) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

// ProcessPipelineHook implements goredis.Hook.
func (measured) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, commands []goredis.Cmder) error {
		n := len(commands)
		if n > 1 && commands[0].Name() == "multi" { // and the last is the EXEC
			n -= 2
		}
		telemetry.BatchSize(ctx, n)
		return next(ctx, commands)
	}
}
