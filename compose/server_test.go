package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/go-units"
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

// TestServerHasMemoryForImages: docs/images.md has the figure. Go's own limit is soft, so that a server which needs more for a
// moment slows down before the kernel ends it.
func TestServerHasMemoryForImages(t *testing.T) {
	const oneImage, allElse = 530 << 20, 200 << 20
	server := load(t).Services["server"]
	require.NotContains(t, server.Environment, "IMAGE_DECODERS", "the default is one at once")
	require.NotNil(t, server.Environment["GOMEMLIMIT"])
	soft, err := units.RAMInBytes(*server.Environment["GOMEMLIMIT"])
	require.NoError(t, err)
	require.Greater(t, soft, int64(oneImage+allElse))
	require.Greater(t, int64(server.Deploy.Resources.Limits.MemoryBytes), soft)
}
