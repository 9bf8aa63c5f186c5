package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/farmersmarket/platform/lookout/home"
)

func newHomeCommand() *cobra.Command {
	var addr string
	var config home.Config
	command := &cobra.Command{
		Use:   "home",
		Short: "Serve the home page of a stack that something else runs",
		Long: `Serve the home page of a stack that something else runs, such as the compose stack. It shows what Prometheus
scrapes, the error budget, plots, failed requests with their traces, and pages. ` + "`lookout up`" + ` serves the same page itself.

Where programs reach a component by another address than browsers do, the --link-... flags say the browsers' address.`,
		Example: `  lookout home
  lookout home --addr :8090 --prometheus-url http://prometheus:9090 --link-grafana http://localhost:3000`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config.Log = slog.New(slog.NewJSONHandler(command.ErrOrStderr(), nil)).With("service", "home")
			handler, err := home.New(config)
			if err != nil {
				return err
			}
			return serveHome(command.Context(), addr, handler, config.Log)
		},
	}
	flags := command.Flags()
	flags.StringVar(&addr, "addr", "127.0.0.1:8090", "address to listen on")
	flags.StringVar(&config.PrometheusURL, "prometheus-url", "http://127.0.0.1:9090", "Prometheus")
	flags.StringVar(&config.AlertmanagerURL, "alertmanager-url", "http://127.0.0.1:9093", "Alertmanager; empty leaves it out")
	flags.StringVar(&config.JaegerURL, "jaeger-url", "http://127.0.0.1:16686", "Jaeger's query API; empty leaves it out")
	flags.StringVar(&config.PagerURL, "pager-url", "http://127.0.0.1:8091", "the pager; empty leaves it out")
	flags.StringVar(&config.GrafanaURL, "grafana-url", "http://127.0.0.1:3000", "Grafana; empty leaves it out")
	flags.StringVar(&config.ServerURL, "server-url", "http://127.0.0.1:8080", "the API")
	flags.StringVar(&config.Links.Server, "link-server", "", "the API as a browser reaches it (default: --server-url)")
	flags.StringVar(&config.Links.Alertmanager, "link-alertmanager", "", "Alertmanager as a browser reaches it (default: --alertmanager-url)")
	flags.StringVar(&config.Links.Pager, "link-pager", "", "the pager as a browser reaches it (default: --pager-url)")
	flags.StringVar(&config.Links.Grafana, "link-grafana", "", "Grafana as a browser reaches it (default: --grafana-url)")
	flags.StringVar(&config.RunbookDir, "runbooks", "docs/runbooks", "folder of the runbooks")
	return command
}

func serveHome(ctx context.Context, addr string, handler http.Handler, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("home page: listen on %s (change it with --addr): %w", addr, err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute,
	}
	stopped := context.AfterFunc(ctx, func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(stopping) // what is still open after that is cut off
	})
	defer stopped()
	log.Info("home page is listening", "addr", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("home page: serve on %s: %w", addr, err)
	}
	return nil
}
