// Package redis is the service's access to Redis, which may be away at any time, from the start on: every use is bounded
// by a short time, and after a few failures in a row there is none at all until Redis answers again.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	goredis "github.com/redis/go-redis/v9"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	// timeout bounds one use. Redis answers in well under a millisecond, and what is kept in it can be had elsewhere.
	timeout = 100 * time.Millisecond
	// failuresToOpen is how many uses in a row fail before Redis is left alone.
	failuresToOpen = 3
	// pause is how long Redis is left alone before one use tries it again.
	pause = time.Second
)

// ErrAway says that Redis did not answer, or is left alone because it did not a moment ago.
var ErrAway = errors.New("redis is away")

// Client is a connection pool to one Redis. It is safe for concurrent use.
type Client struct {
	pool    *goredis.Client
	breaker circuitbreaker.CircuitBreaker[any]
	tel     *telemetry.Telemetry
}

// Open prepares access to the Redis at the URL, redis://[[USER]:PASSWORD@]HOST:PORT[/DATABASE] or rediss:// with TLS. It
// contacts nobody. It fails when the URL cannot be right; the error does not repeat it, because it may hold a password.
func Open(url string, tel *telemetry.Telemetry) (*Client, error) {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return nil, errors.New("open Redis: the URL must be like redis://:password@host:6379/0")
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = timeout, timeout, timeout, timeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1 // another try would take as long as doing without
	options.DisableIdentity = true
	c := &Client{pool: goredis.NewClient(options), tel: tel}
	c.pool.AddHook(measured{opening: tel.Connects(catalogue.SystemRedis)})
	tel.WatchPool(catalogue.SystemRedis, c.stats)
	up := tel.Metrics.Gauge(catalogue.RedisUp).WithLabelValues()
	up.Set(1)
	c.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(failuresToOpen).WithDelay(pause).WithSuccessThreshold(1).
		OnOpen(func(e circuitbreaker.StateChangedEvent) {
			up.Set(0)
			if e.OldState == circuitbreaker.ClosedState { // one line, however often it is tried in vain
				tel.Logger.Warn("redis away: doing without it", slog.String("address", options.Addr))
			}
		}).
		OnClose(func(circuitbreaker.StateChangedEvent) {
			up.Set(1)
			tel.Logger.Info("redis back", slog.String("address", options.Addr))
		}).
		Build()
	return c, nil
}

// Do uses Redis, for at most 100 ms. operation names the use in its span and its duration, as one of
// catalogue.DBOperation. It fails with ErrAway.
func (c *Client) Do(ctx context.Context, operation string, use func(ctx context.Context, r goredis.UniversalClient) error) error {
	if !c.breaker.TryAcquirePermit() {
		return ErrAway
	}
	ctx, end := c.tel.StartDatabase(ctx, catalogue.SystemRedis, operation)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := use(ctx, c.pool)
	if errors.Is(err, goredis.Nil) { // no such key: an answer
		err = nil
	}
	end(err)
	if err != nil {
		c.breaker.RecordFailure()
		return fmt.Errorf("%w: %s: %w", ErrAway, operation, err)
	}
	c.breaker.RecordSuccess()
	return nil
}

// Ping asks Redis for a sign of life, whether or not it is being left alone.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := c.pool.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	return nil
}

// Subscribe listens to a channel until the context ends. subscribed is called whenever listening begins, also again
// after a loss of the connection: what was said in between was missed.
func (c *Client) Subscribe(ctx context.Context, channel string, subscribed func(), heard func(message string)) {
	subscription := c.pool.Subscribe(ctx, channel)
	defer func() { _ = subscription.Close() }() // nobody listens any more
	events := subscription.ChannelWithSubscriptions()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-events:
			if !open {
				return
			}
			switch event := event.(type) {
			case *goredis.Subscription:
				subscribed()
			case *goredis.Message:
				heard(event.Payload)
			}
		}
	}
}

// Close ends all connections.
func (c *Client) Close() error { return c.pool.Close() }
