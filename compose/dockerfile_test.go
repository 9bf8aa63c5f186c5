package compose_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// repository is the root of the repository: the context that images are built in.
const repository = ".."

// instruction is one line of a Dockerfile.
type instruction struct{ name, rest string }

func dockerfile(t *testing.T) []instruction {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	comments := regexp.MustCompile(`(?m)^\s*#.*\n`)
	joined := strings.ReplaceAll(comments.ReplaceAllString(string(content), ""), "\\\n", " ")
	var instructions []instruction
	for line := range strings.Lines(joined) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			instructions = append(instructions, instruction{name, strings.TrimSpace(rest)})
		}
	}
	require.NotEmpty(t, instructions)
	return instructions
}

func TestDockerfile(t *testing.T) {
	stages := map[string]string{} // by name, what each is based on
	var copies []string
	for _, i := range dockerfile(t) {
		switch i.name {
		case "FROM":
			base, name, ok := strings.Cut(i.rest, " AS ")
			require.True(t, ok, "stage %q has no name", i.rest)
			stages[name] = base
		case "COPY":
			copies = append(copies, i.rest)
		}
	}

	t.Run("every image that docker-compose.yaml builds is a stage", func(t *testing.T) {
		for name, service := range load(t).Services {
			if service.Build == nil {
				continue
			}
			require.Contains(t, stages, service.Build.Target, name)
			require.FileExists(t, filepath.Join(service.Build.Context, service.Build.Dockerfile))
			require.FileExists(t, filepath.Join(service.Build.Context, "go.mod"))
		}
	})

	t.Run("every base is a stage, scratch or a pinned image", func(t *testing.T) {
		for name, base := range stages {
			if _, ok := stages[base]; !ok && base != "scratch" {
				require.Regexp(t, pinned, base, name)
			}
		}
	})

	t.Run("the Go image is not older than go.mod asks for", func(t *testing.T) {
		content, err := os.ReadFile(filepath.Join(repository, "go.mod"))
		require.NoError(t, err)
		module, err := modfile.ParseLax("go.mod", content, nil)
		require.NoError(t, err)
		version := regexp.MustCompile(`^golang:([\d.]+)-`).FindStringSubmatch(stages["build"])
		require.Len(t, version, 2)
		require.GreaterOrEqual(t, semver.Compare("v"+version[1], "v"+module.Go.Version), 0)
	})

	t.Run("everything copied from the repository exists", func(t *testing.T) {
		for _, rest := range copies {
			fields := strings.Fields(rest)
			if from, ok := strings.CutPrefix(fields[0], "--from="); ok {
				require.Contains(t, stages, from, rest)
				continue
			}
			for _, source := range fields[:len(fields)-1] {
				_, err := os.Stat(filepath.Join(repository, source))
				require.NoError(t, err, "COPY %s", rest)
			}
		}
	})

	t.Run("images of ours do not run as root", func(t *testing.T) {
		stage, user := "", map[string]string{}
		for _, i := range dockerfile(t) {
			switch i.name {
			case "FROM":
				base, name, _ := strings.Cut(i.rest, " AS ")
				stage, user[name] = name, user[base]
			case "USER":
				user[stage] = i.rest
			}
		}
		for _, name := range []string{"server", "lookout"} {
			require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, user[name], name)
		}
	})
}

// TestBuildContext makes sure that the builder gets what it compiles and nothing secret. Of the SDK that is the Go client
// and /rum.js.
func TestBuildContext(t *testing.T) {
	content, err := os.ReadFile("Dockerfile.dockerignore")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	require.Contains(t, lines, "*", "everything is left out but what is named")
	require.Contains(t, lines, "compose/secrets")
	require.Contains(t, lines, "!sdk/go", "lookout probe orders with it")

	err = filepath.WalkDir(repository, func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		relative, err := filepath.Rel(repository, path)
		require.NoError(t, err)
		folder, _, _ := strings.Cut(filepath.ToSlash(relative), "/")
		if !strings.HasPrefix(folder, ".") && folder != "sdk" {
			require.Contains(t, lines, "!"+folder, "%s is compiled", relative)
		}
		return nil
	})
	require.NoError(t, err)
}
