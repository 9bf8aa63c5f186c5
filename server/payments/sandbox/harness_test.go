package sandbox_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// migrated is a database for tests to which its kind does not matter.
func migrated(t *testing.T) *store.Store {
	t.Helper()
	s := storetest.Open(t, storetest.SQLite(t), store.Options{})
	_, err := migrations.Migrate(t.Context(), s.DB())
	require.NoError(t, err)
	return s
}

// lockedBuffer is a buffer that may be written and read at once.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
