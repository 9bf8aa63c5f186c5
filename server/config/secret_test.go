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
	_, err = config.Load([]string{"STRIPE_SECRET_KEY_FILE=" + file})
	require.ErrorContains(t, err, "is empty")
}
