package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/config"
)

func TestASecretIsNowhereToBeSeen(t *testing.T) {
	const hidden = "sk_live_hidden"
	c, err := config.Load([]string{"STRIPE_SECRET_KEY=" + hidden, "STRIPE_WEBHOOK_SECRET=" + hidden})
	require.NoError(t, err)
	require.Equal(t, hidden, c.StripeSecretKey.Reveal())
	var seen bytes.Buffer
	fmt.Fprintf(&seen, "%v %+v %#v %s %q", c, c, c, c.StripeSecretKey, c.StripeWebhookSecret)
	require.NoError(t, json.NewEncoder(&seen).Encode(map[string]any{"key": c.StripeSecretKey}))
	slog.New(slog.NewJSONHandler(&seen, nil)).Info("key", "key", c.StripeSecretKey, "config", c)
	require.NoError(t, config.Print(&seen, []string{"STRIPE_SECRET_KEY=" + hidden, "STRIPE_WEBHOOK_SECRET=" + hidden}))
	require.NotContains(t, seen.String(), hidden)
}

func TestASecretCanBeInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("sk_test_1\n"), 0o600))
	c, err := config.Load([]string{"STRIPE_SECRET_KEY_FILE=" + file})
	require.NoError(t, err)
	require.Equal(t, "sk_test_1", c.StripeSecretKey.Reveal())

	_, err = config.Load([]string{"STRIPE_SECRET_KEY_FILE=" + file, "STRIPE_SECRET_KEY=sk_test_2"})
	require.ErrorContains(t, err, "STRIPE_SECRET_KEY is set as well")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = config.Load([]string{"PAYMENTS=stripe", "STRIPE_SECRET_KEY_FILE=" + file})
	require.ErrorContains(t, err, "STRIPE_SECRET_KEY: PAYMENTS=stripe needs it", "an empty file is no secret")
}

func TestProductionTakesItsKeysFromAFile(t *testing.T) {
	const hidden = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI="
	file := filepath.Join(t.TempDir(), "keys")
	production := []string{
		"ENVIRONMENT=production", "PAYMENTS=stripe", "STRIPE_SECRET_KEY=sk_live_1", "STRIPE_WEBHOOK_SECRET=whsec_1",
		"AUTH_KEYS_FILE=" + file,
	}
	for name, c := range map[string]struct {
		content string
		also    []string
		fails   string // empty: it starts
	}{
		"one key":             {content: "2026-03:" + hidden + "\n"},
		"a key and the next":  {content: "2026-03:" + hidden + ", 2026-09:" + hidden},
		"nothing":             {content: "\n", fails: "AUTH_KEYS: production needs keys of its own"},
		"no key":              {content: hidden, fails: "AUTH_KEYS_FILE: key 1 is not like ID:BASE64"},
		"a key that is short": {content: "a:aHVudGVyMg==", fails: "AUTH_KEYS_FILE: key a has 7 bytes and needs 32"},
		"keys in two places": {
			content: "2026-03:" + hidden, also: []string{"AUTH_KEYS=2025-09:" + hidden}, fails: "AUTH_KEYS is set as well",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(c.content), 0o600))
			loaded, err := config.Load(append(c.also, production...))
			if c.fails == "" {
				require.NoError(t, err)
				require.False(t, loaded.AuthKeys.Empty())
				return
			}
			require.ErrorContains(t, err, c.fails)
			require.NotContains(t, err.Error(), hidden)
		})
	}
	_, err := config.Load([]string{"AUTH_KEYS_FILE=" + file + "-that-is-not-there"})
	require.ErrorContains(t, err, "keys-that-is-not-there")
}
