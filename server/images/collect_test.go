package images_test

import (
	"context"
	"errors"
	"image/color"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// album is a store of images and the products that show them.
type album struct {
	t         *testing.T
	clock     *markettest.Clock
	db        *store.Store
	pictures  *images.Store
	producers *market.Producers
	owner     market.Actor
	products  []string
	collector *images.Collector
}

func eachAlbum(t *testing.T, test func(*testing.T, *album)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		pictures, err := images.Open(t.Context(), "mem://", newTelemetry(t))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, pictures.Close()) })
		clock := markettest.NewClock(time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC))
		a := &album{
			t: t, clock: clock, db: s, pictures: pictures, producers: market.NewProducers(s, clock),
			collector: images.NewCollector(pictures, s, clock),
		}
		fair := markettest.NewFairAt(t, s, clock.Now(), 1, 1, 1, 1)
		a.owner = market.Actor{ID: uuid.NewString(), Role: market.FarmOwner}
		_, err = s.DB().ExecContext(t.Context(), "INSERT INTO accounts (id, email, name, role, password_hash, credentials_version, "+
			"created_at, updated_at) VALUES (?, 'nora@example.org', 'Nora', 'farm_owner', '', 1, ?, ?)", a.owner.ID, clock.Now(), clock.Now())
		require.NoError(t, err)
		_, err = s.DB().ExecContext(t.Context(), "UPDATE farms SET owner_id = ?", a.owner.ID)
		require.NoError(t, err)
		for _, offering := range fair.Offerings {
			a.products = append(a.products, offering.ProductID)
		}
		test(t, a)
	})
}

// show uploads an image for the product, as the API does.
func (a *album) show(product string, image images.Image) error {
	ctx := a.t.Context()
	if err := a.producers.ExpectImage(ctx, image.Hash); err != nil {
		return err
	}
	if err := a.pictures.Keep(ctx, image); err != nil {
		return err
	}
	_, err := a.producers.SetProductImage(ctx, a.owner, product, nil, image.Hash)
	return err
}

func (a *album) collect() int {
	a.t.Helper()
	n, err := a.collector.Collect(a.t.Context())
	require.NoError(a.t, err)
	return n
}

func (a *album) has(image images.Image) bool {
	a.t.Helper()
	kept := 0
	for width := range image.Files {
		_, err := a.pictures.Read(a.t.Context(), image.Hash, width)
		if err == nil {
			kept++
			continue
		}
		require.ErrorIs(a.t, err, market.ErrNotFound)
	}
	require.Contains(a.t, []int{0, len(image.Files)}, kept, "all of it or nothing")
	return kept > 0
}

// imageOf is an image of its own for each number.
func imageOf(t *testing.T, n uint8) images.Image {
	t.Helper()
	p := picture(80, 80)
	p.Set(40, 40, color.RGBA{R: n, G: 255 - n, B: n, A: 255})
	for y := range 20 {
		for x := range 20 {
			p.Set(x, y, color.RGBA{R: n * 8, A: 255})
		}
	}
	taken, err := newIntake(t).Take(t.Context(), asPNG(t, p))
	require.NoError(t, err)
	return taken
}

func TestAnImageIsDeletedADayAfterTheLastProductHasShownIt(t *testing.T) {
	eachAlbum(t, func(t *testing.T, a *album) {
		replaced, shared, removed, current, orphan := imageOf(t, 1), imageOf(t, 2), imageOf(t, 3), imageOf(t, 4), imageOf(t, 5)
		require.NoError(t, a.show(a.products[0], replaced))
		require.NoError(t, a.show(a.products[1], shared))
		require.NoError(t, a.show(a.products[2], shared))
		require.NoError(t, a.show(a.products[3], removed))
		require.NoError(t, a.producers.ExpectImage(t.Context(), orphan.Hash))
		require.NoError(t, a.pictures.Keep(t.Context(), orphan)) // and then the process dies

		a.clock.Advance(images.Retention - time.Second)
		require.Zero(t, a.collect(), "an upload may be under way")
		a.clock.Advance(365 * 24 * time.Hour)
		require.Equal(t, 1, a.collect())
		require.False(t, a.has(orphan))

		require.NoError(t, a.show(a.products[0], current))
		_, err := a.producers.SetProductImage(t.Context(), a.owner, a.products[1], nil, "")
		require.NoError(t, err)
		require.NoError(t, a.producers.DeleteProduct(t.Context(), a.owner, a.products[3], nil))
		require.Zero(t, a.collect(), "others may have an answer with its URL")
		a.clock.Advance(images.Retention + time.Second)
		require.Equal(t, 2, a.collect())
		for image, kept := range map[*images.Image]bool{&replaced: false, &removed: false, &shared: true, &current: true} {
			require.Equal(t, kept, a.has(*image))
		}
		require.Zero(t, a.collect())
	})
}

func TestAnUploadNeverLosesItsImageToACollectionAtTheSameTime(t *testing.T) {
	eachAlbum(t, func(t *testing.T, a *album) {
		image := imageOf(t, 1)
		for range 30 {
			require.NoError(t, a.show(a.products[0], image))
			_, err := a.producers.SetProductImage(t.Context(), a.owner, a.products[0], nil, "")
			require.NoError(t, err)
			a.clock.Advance(images.Retention + time.Second) // now it can be collected, until it is uploaded again
			var group errgroup.Group
			for range 3 {
				group.Go(func() error { _, err := a.collector.Collect(t.Context()); return err })
			}
			group.Go(func() error { return a.show(a.products[1], image) })
			require.NoError(t, group.Wait())
			require.True(t, a.has(image))
			_, err = a.producers.SetProductImage(t.Context(), a.owner, a.products[1], nil, "")
			require.NoError(t, err)
		}
	})
}

// failing is a ledger whose deletions do not come to an end.
type failing struct{ images.Ledger }

func (f failing) ForgetImage(ctx context.Context, hash string, before time.Time, remove func(context.Context) error) (bool, error) {
	return f.Ledger.ForgetImage(ctx, hash, before, func(ctx context.Context) error {
		return errors.Join(remove(ctx), errors.New("the process is killed"))
	})
}

func TestADeletionThatIsInterruptedIsMadeUpFor(t *testing.T) {
	eachAlbum(t, func(t *testing.T, a *album) {
		image := imageOf(t, 1)
		require.NoError(t, a.producers.ExpectImage(t.Context(), image.Hash))
		require.NoError(t, a.pictures.Keep(t.Context(), image))
		a.clock.Advance(images.Retention + time.Second)
		n, err := images.NewCollector(a.pictures, failing{a.db}, a.clock).Collect(t.Context())
		require.ErrorContains(t, err, "killed")
		require.Zero(t, n)
		require.Equal(t, 1, a.collect())
		require.False(t, a.has(image))
	})
}
