package images

import (
	"context"
	"errors"
	"time"

	"github.com/farmersmarket/platform/server/jobs"
	"github.com/farmersmarket/platform/server/market"
)

// Retention is how long an image that no product shows is kept: others may have an answer with its URL, and an upload may
// be under way that is to show it.
const Retention = 24 * time.Hour

// collectBatch bounds how many images are deleted before the next look.
const collectBatch = 100

// Ledger knows which images there are, and which a product shows.
type Ledger interface {
	// UnusedImages returns the hashes of images that no product shows and that were last touched before the time.
	UnusedImages(ctx context.Context, before time.Time, limit int) ([]string, error)
	// ForgetImage deletes the image, by remove and from the ledger, if it is still so, and reports whether it was.
	// Meanwhile nobody can touch it.
	ForgetImage(ctx context.Context, hash string, before time.Time, remove func(context.Context) error) (bool, error)
}

// Collector deletes images that nobody uses.
type Collector struct {
	store  *Store
	ledger Ledger
	clock  market.Clock
}

// NewCollector returns a collector of the store's images.
func NewCollector(store *Store, ledger Ledger, clock market.Clock) *Collector {
	return &Collector{store: store, ledger: ledger, clock: clock}
}

// Collect deletes images that no product has shown for the time of Retention, and returns how many. What fails for one
// does not keep the others; the errors are joined.
func (c *Collector) Collect(ctx context.Context) (n int, err error) {
	before := c.clock.Now().Add(-Retention)
	hashes, err := c.ledger.UnusedImages(ctx, before, collectBatch)
	if err != nil {
		return 0, err
	}
	var problems []error
	for _, hash := range hashes {
		if ctx.Err() != nil {
			break
		}
		deleted, err := c.forget(ctx, hash, before)
		problems = append(problems, err)
		if deleted {
			n++
		}
	}
	return n, errors.Join(problems...)
}

func (c *Collector) forget(ctx context.Context, hash string, before time.Time) (bool, error) {
	ctx, end := jobs.Attend(ctx, hash)
	deleted, err := c.ledger.ForgetImage(ctx, hash, before, func(ctx context.Context) error { return c.store.Delete(ctx, hash) })
	end(err)
	return deleted, err
}
