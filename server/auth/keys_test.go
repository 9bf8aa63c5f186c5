package auth_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
)

func TestKeysThatAreWrongAreRefusedWithoutShowingThem(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(secret('a'))
	for name, test := range map[string]struct{ text, want string }{
		"no id":              {good, "key 1 is not like ID:BASE64"},
		"an empty id":        {":" + good, "key 1 is not like ID:BASE64"},
		"an id with a space": {"a b:" + good, "key 1 is not like ID:BASE64"},
		"no base64":          {"a:hunter2hunter2!", "key a is not base64"},
		"too short":          {"a:aHVudGVyMg==", "key a has 7 bytes and needs 32"},
		"an id twice":        {"a:" + good + ",a:" + good, "two keys have the id a"},
		"an empty second":    {"a:" + good + ",", "key 2 is not like ID:BASE64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.ParseKeys(test.text)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), good)
		})
	}
	parsed := keys(t, "a")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", parsed, parsed, parsed, parsed), fmt.Sprint(secret('a')[0]))
}

func TestWithoutAKeyThereAreNoTokens(t *testing.T) {
	_, err := auth.NewTokens(auth.Keys{}, time.Minute, market.SystemClock{})
	require.ErrorContains(t, err, "AUTH_KEYS")
}

func TestTheDevelopmentKeyIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "auth.key")
	var group errgroup.Group
	made := make([]auth.Keys, 8)
	for i := range made {
		group.Go(func() (err error) {
			made[i], err = auth.DevelopmentKeys(path)
			return err
		})
	}
	require.NoError(t, group.Wait())
	for _, other := range made {
		require.Equal(t, made[0], other, "all servers have the same key")
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left behind")

	require.NoError(t, os.Chmod(path, 0o644))
	_, err = auth.DevelopmentKeys(path)
	require.ErrorContains(t, err, "chmod 600")

	require.NoError(t, os.WriteFile(path, []byte("rubbish"), 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = auth.DevelopmentKeys(path)
	require.ErrorContains(t, err, "damaged, delete it")
}
