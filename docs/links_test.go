package docs_test

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/servertest"
)

var (
	codeBlock = regexp.MustCompile("(?s)\n *```.*?\n *```")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestEveryLinkLeadsSomewhere follows the links between the pages of this repository, to a heading where the link names one.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	pages := readPages(t)
	for name, text := range pages {
		for _, found := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(text, ""), -1) {
			if strings.Contains(found[1], "://") || strings.HasPrefix(found[1], "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(found[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			_, err := os.Stat(path.Join(servertest.Root(t), target))
			require.NoError(t, err, "%s links to %s", name, found[1])
			if fragment != "" {
				require.Contains(t, slugs(pages[target]), fragment, "%s links to %s", name, found[1])
			}
		}
	}
}

// TestEveryPageIsFound: docs/README.md is where a reader looks for a page.
func TestEveryPageIsFound(t *testing.T) {
	pages := readPages(t)
	for name := range pages {
		if path.Dir(name) == "docs" && name != "docs/README.md" {
			require.Contains(t, pages["docs/README.md"], "]("+path.Base(name), "docs/README.md does not lead to it")
		}
	}
}

// readPages returns the Markdown pages that git knows, without their code blocks, by path from the repository's root.
func readPages(t *testing.T) map[string]string {
	t.Helper()
	root := servertest.Root(t)
	list := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	names, err := list.Output()
	require.NoError(t, err)
	pages := map[string]string{}
	for _, name := range strings.Fields(string(names)) {
		text, err := os.ReadFile(path.Join(root, name))
		require.NoError(t, err)
		pages[name] = codeBlock.ReplaceAllString(string(text), "")
	}
	require.Contains(t, pages, "README.md")
	return pages
}

// slugs returns the anchors that GitHub gives the headings of a page.
func slugs(text string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		plain := notInSlug.ReplaceAllString(strings.ToLower(found[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}
