package store_test

import (
	"context"
	"net"
	neturl "net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// impatient gives up soon. Whether it succeeds on a busy machine is a matter of luck, so tests await it.
var impatient = store.Options{StatementTimeout: 50 * time.Millisecond}

func awaitReads(t *testing.T, s *store.Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := s.Product(t.Context(), id(1))
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
}

// openThroughProxy opens a stocked PostgreSQL database through a proxy that can be cut.
func openThroughProxy(t *testing.T, opts store.Options) (*store.Store, *storetest.Proxy) {
	t.Helper()
	parsed, err := neturl.Parse(storetest.PostgreSQL(t))
	require.NoError(t, err)
	direct := storetest.Open(t, parsed.String(), store.Options{})
	_, err = migrations.Migrate(t.Context(), direct.DB())
	require.NoError(t, err)
	stock(t, direct)
	proxy := storetest.NewProxy(t, parsed.Host)
	parsed.Host = proxy.Addr()
	return storetest.Open(t, parsed.String(), opts), proxy
}

func TestPostgreSQLThatGoesAwayIsUnavailableAndUsedAgainWhenItIsBack(t *testing.T) {
	s, proxy := openThroughProxy(t, store.Options{})
	for range 3 {
		requireReads(t, s)
		proxy.Cut()
		requireUnavailable(t, s)
		_, err := s.SaveCatalogue(t.Context(), []market.Farm{farm(3, "New Farm", "")}, nil)
		require.ErrorIs(t, err, market.ErrUnavailable)
		proxy.Restore()
	}
	requireReads(t, s)
}

func TestPostgreSQLThatFallsSilentIsATimeout(t *testing.T) {
	s, proxy := openThroughProxy(t, impatient)
	awaitReads(t, s) // it is connected
	proxy.Freeze()
	_, err := s.Product(t.Context(), id(1))
	require.ErrorIs(t, err, market.ErrTimeout)
	proxy.Restore()
	awaitReads(t, s)
}

func TestAServerThatIsAwayDoesNotStopTheStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listener.Addr().String()
	require.NoError(t, listener.Close())

	s := storetest.Open(t, "postgres://market:hunter2@"+nobody+"/market?sslmode=disable", store.Options{})
	err = s.Ping(t.Context())
	require.ErrorIs(t, err, market.ErrUnavailable)
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestAStatementThatTakesTooLongIsATimeout(t *testing.T) {
	s, release := openLocked(t, impatient)
	_, err := s.Product(t.Context(), id(1))
	require.ErrorIs(t, err, market.ErrTimeout)
	require.ErrorContains(t, err, "statement timeout", "the server is to end it, which keeps the connection")
	release()
	awaitReads(t, s)
}

func TestACallerWhoGivesUpIsNoFailureOfTheStore(t *testing.T) {
	s, release := openLocked(t, store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := s.Product(ctx, id(1))
		failed <- err
	}()
	require.Eventually(t, func() bool { return s.DB().Stats().InUse > 0 }, 10*time.Second, time.Millisecond)
	cancel()
	err := <-failed
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, market.ErrUnavailable)
	require.NotErrorIs(t, err, market.ErrTimeout)
	release()
	requireReads(t, s)
}

// openLocked opens a stocked PostgreSQL database whose products another connection has locked.
func openLocked(t *testing.T, opts store.Options) (s *store.Store, release func()) {
	t.Helper()
	url := storetest.PostgreSQL(t)
	other := storetest.Open(t, url, store.Options{})
	_, err := migrations.Migrate(t.Context(), other.DB())
	require.NoError(t, err)
	stock(t, other)
	tx, err := other.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "SET LOCAL idle_in_transaction_session_timeout = 0")
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	return storetest.Open(t, url, opts), func() { require.NoError(t, tx.Rollback()) }
}
