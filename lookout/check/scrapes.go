package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scrapes is what Prometheus's configuration adds to everything that it scrapes.
type scrapes struct {
	jobs   []string            // the values of the label job
	labels map[string][]string // names of the labels that a job's targets carry beside job and instance
}

// readScrapes reads prometheus.yml in the folder, and the lists of targets that it names.
func readScrapes(folder string) (scrapes, error) {
	var config struct {
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
			FileSD  []struct {
				Files []string `yaml:"files"`
			} `yaml:"file_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := decodeFile(filepath.Join(folder, "prometheus.yml"), &config); err != nil {
		return scrapes{}, fmt.Errorf("read the scrape jobs: %w", err)
	}
	s := scrapes{labels: map[string][]string{}}
	for _, job := range config.ScrapeConfigs {
		s.jobs = append(s.jobs, job.JobName)
		for _, discovery := range job.FileSD {
			for _, file := range discovery.Files {
				labels, err := targetLabels(filepath.Join(folder, file))
				if err != nil {
					return scrapes{}, fmt.Errorf("read the targets of the scrape job %s: %w", job.JobName, err)
				}
				s.labels[job.JobName] = append(s.labels[job.JobName], labels...)
			}
		}
	}
	return s, nil
}

// targetLabels returns the labels in a list of targets. Those that begin with __ are for Prometheus, which drops them. A
// list that is not there is one without targets.
func targetLabels(path string) ([]string, error) {
	var groups []struct {
		Labels map[string]string `yaml:"labels"`
	}
	if err := decodeFile(path, &groups); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, group := range groups {
		for name := range group.Labels {
			if !strings.HasPrefix(name, "__") {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func decodeFile(path string, into any) error {
	content, err := os.ReadFile(path) //nolint:gosec // a file of the repository that the user named
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
