package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServerAcceptsItsEnvironment asks the real program: it refuses an unknown setting or a wrong value.
func TestServerAcceptsItsEnvironment(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets")
	makeSecrets(t, secrets)
	for _, name := range []string{"server", "migrate", "seed"} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), "go", "run", "./server", "config")
			command.Dir = repository
			command.Env = os.Environ()
			for variable, value := range load(t).Services[name].Environment {
				require.NotNil(t, value, "%s is taken from whatever environment `make up` has", variable)
				command.Env = append(command.Env, variable+"="+strings.ReplaceAll(*value, "/run/secrets", secrets))
			}
			output, err := command.CombinedOutput()
			require.NoError(t, err, "%s", output)
		})
	}
}
