package main

import (
	"context"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/internal/testlog"
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

func TestTheHomePageLogsWhatTheCatalogueDeclaresAndNothingElse(t *testing.T) {
	nowhere := httptest.NewServer(nil)
	nowhere.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	logs, ended := &testlog.Buffer{}, make(chan error, 1)
	command := newHomeCommand()
	command.SetErr(logs)
	command.SetArgs([]string{"--addr", "127.0.0.1:0", "--jaeger-url", nowhere.URL, "--runbooks", "../docs/runbooks"})
	go func() { ended <- command.ExecuteContext(ctx) }()
	listening := regexp.MustCompile(`"msg":"home page is listening".*"addr":"([^"]+)"`)
	require.Eventually(t, func() bool { return listening.MatchString(logs.String()) }, time.Minute, time.Millisecond)
	page := get(t, "http://"+listening.FindStringSubmatch(logs.String())[1]+"/traces/"+strings.Repeat("1", 32))
	require.Contains(t, page, "The trace cannot be shown")
	stop()
	require.NoError(t, <-ended)

	contract := telemetrytest.NewContract(catalogue.Home(), nil, nil)
	contract.SeeLogs(logs.String())
	contract.Check(t, map[string]string{`log line "a page cannot be made"`: templatesWork}, nil)
}

const templatesWork = "its templates are a part of the program, and work"
