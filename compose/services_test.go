package compose_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

var pinned = regexp.MustCompile(`^[a-z0-9._/-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)

// address matches host:port in a URL or a flag.
var address = regexp.MustCompile(`(?:^|//|@|=)([a-z][a-z0-9-]*|0\.0\.0\.0):(\d+)`)

// TestEveryService holds what must be true of each service, whatever it does.
func TestEveryService(t *testing.T) {
	project := load(t, "VERSION=v1.2.3")
	require.NotEmpty(t, project.Services)
	rules := map[string]func(*testing.T, *types.ServiceConfig){
		"its image is pinned to a version": func(t *testing.T, s *types.ServiceConfig) {
			require.Regexp(t, pinned, s.Image)
		},
		"it has a health check, or ends": func(t *testing.T, s *types.ServiceConfig) {
			require.NotNil(t, s.HealthCheck)
			if once(s) {
				require.True(t, s.HealthCheck.Disable)
				return
			}
			require.False(t, s.HealthCheck.Disable)
			require.GreaterOrEqual(t, len(s.HealthCheck.Test), 2)
			require.Contains(t, []string{"CMD", "CMD-SHELL"}, s.HealthCheck.Test[0])
			require.Less(t, time.Duration(*s.HealthCheck.Timeout), time.Duration(*s.HealthCheck.Interval))
			require.Positive(t, *s.HealthCheck.Retries)
			require.Positive(t, time.Duration(*s.HealthCheck.StartPeriod))
		},
		"it is restarted when it dies, or ends": func(t *testing.T, s *types.ServiceConfig) {
			require.Contains(t, []string{"unless-stopped", "no"}, s.Restart)
		},
		"processor, memory and processes are bounded": func(t *testing.T, s *types.ServiceConfig) {
			require.NotNil(t, s.Deploy)
			limits := s.Deploy.Resources.Limits
			require.NotNil(t, limits)
			require.Positive(t, float32(limits.NanoCPUs))
			require.Positive(t, int64(limits.MemoryBytes))
			require.Positive(t, limits.Pids)
		},
		"it has no privilege and cannot gain one": func(t *testing.T, s *types.ServiceConfig) {
			require.Contains(t, s.SecurityOpt, "no-new-privileges:true")
			require.Equal(t, []string{"ALL"}, s.CapDrop)
			require.Empty(t, s.CapAdd)
			require.False(t, s.Privileged)
			require.Empty(t, s.NetworkMode)
			require.Empty(t, s.Devices)
			if s.Build == nil || s.Build.Target == "collector" {
				require.Regexp(t, `^[1-9]\d*:\d+$`, s.User, "an upstream image may run as root by default")
			}
		},
		"it writes to named volumes and tmpfs only": func(t *testing.T, s *types.ServiceConfig) {
			require.True(t, s.ReadOnly)
			for _, volume := range s.Volumes {
				if volume.Type == types.VolumeTypeBind {
					require.True(t, volume.ReadOnly, "%s is mounted writable", volume.Source)
				}
			}
		},
		"its ports are on loopback only": func(t *testing.T, s *types.ServiceConfig) {
			for _, port := range s.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "port %s", port.Published)
			}
			_, open := s.Networks["published"]
			require.Equal(t, len(s.Ports) > 0, open, "on the network `published` if and only if it publishes a port")
		},
		"its own logs are bounded": func(t *testing.T, s *types.ServiceConfig) {
			require.NotNil(t, s.Logging)
			require.NotEmpty(t, s.Logging.Options["max-size"])
			require.NotEmpty(t, s.Logging.Options["max-file"])
		},
		"no secret is in its environment": func(t *testing.T, s *types.ServiceConfig) {
			for name, value := range s.Environment {
				if value != nil && regexp.MustCompile(`(?i)password|secret|token|key`).MatchString(name) {
					require.Regexp(t, `^/run/secrets/`, *value, "%s must name a file", name)
				}
				if value != nil {
					require.NotRegexp(t, `://[^/@]*:[^/@]*@`, *value, "%s carries a password", name)
				}
			}
		},
		"every address it is given is a service of the stack, or this machine": func(t *testing.T, s *types.ServiceConfig) {
			given := slices.Clone(s.Command)
			for _, value := range s.Environment {
				given = append(given, *value)
			}
			for _, text := range given {
				for _, match := range address.FindAllStringSubmatch(text, -1) {
					if match[1] != "localhost" && match[1] != "0.0.0.0" {
						requireListening(t, project, match[1]+":"+match[2])
					}
				}
			}
		},
		"every file it mounts exists": func(t *testing.T, s *types.ServiceConfig) {
			for _, volume := range s.Volumes {
				// Secrets are made by `make secrets`: TestSecrets.
				if volume.Type == types.VolumeTypeBind && !strings.Contains(volume.Source, "/secrets") {
					requireMountable(t, volume.Source)
				}
			}
		},
		"it waits for tasks to end and for services to be healthy": func(t *testing.T, s *types.ServiceConfig) {
			for name, dependency := range s.DependsOn {
				on := project.Services[name]
				want := types.ServiceConditionHealthy
				if once(&on) {
					want = types.ServiceConditionCompletedSuccessfully
				}
				require.Equal(t, want, dependency.Condition, "of %s", name)
				require.True(t, sharesNetwork(s, &on), "waits for %s, which it cannot reach", name)
			}
		},
	}
	for rule, check := range rules {
		for _, name := range project.ServiceNames() {
			t.Run(rule+"/"+name, func(t *testing.T) {
				service := project.Services[name]
				check(t, &service)
			})
		}
	}
}

// requireMountable fails unless the path is a file, or a folder with something in it: Docker creates what is missing as
// an empty folder, which hides the mistake.
func requireMountable(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	if info.IsDir() {
		content, err := filepath.Glob(filepath.Join(path, "*"))
		require.NoError(t, err)
		require.NotEmpty(t, content, "%s is empty", path)
	}
}

func sharesNetwork(a, b *types.ServiceConfig) bool {
	for network := range a.Networks {
		if _, ok := b.Networks[network]; ok {
			return true
		}
	}
	return false
}
