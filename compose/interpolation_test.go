package compose_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInterpolation(t *testing.T) {
	t.Run("fault injection is off unless asked for", func(t *testing.T) {
		require.Equal(t, "off", *load(t).Services["server"].Environment["FAULTS"])
		require.Equal(t, "on", *load(t, "FAULTS=on").Services["server"].Environment["FAULTS"])
	})
	t.Run("pages go to the local pager unless another configuration is named", func(t *testing.T) {
		require.Contains(t, load(t).Services["alertmanager"].Command, "--config.file=/etc/alertmanager/alertmanager.local.yml")
		require.Contains(t, load(t, "ALERTMANAGER_CONFIG=alertmanager.yml").Services["alertmanager"].Command,
			"--config.file=/etc/alertmanager/alertmanager.yml")
	})
}
