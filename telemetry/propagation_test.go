package telemetry_test

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// A request comes in with W3C trace context and baggage, writes to the database in a transaction, and calls another
// service of ours.
func TestTraceContextAndBaggageGoThroughTheService(t *testing.T) {
	const (
		traceID     = "0af7651916cd43dd8448eb211c80319c"
		traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
		tracestate  = "vendor=opaque"
		bag         = "tenant=quay"
	)
	sent := make(chan http.Header, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent <- r.Header }))
	t.Cleanup(other.Close)
	collector, tel, db := measured(t)
	client := &http.Client{Transport: tel.Transport(telemetry.TransportOptions{Ours: []string{"127.0.0.1"}})}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	tel.Use(app)
	app.Post("/eggs", func(c *fiber.Ctx) error {
		ctx := c.UserContext()
		err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewInsert().Model(&egg{ID: 2, Owner: "ann@example.org"}).Exec(ctx)
			return err
		})
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, other.URL, http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
	tel.Instrument(app)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(listener) }()
	t.Cleanup(func() { require.NoError(t, app.ShutdownWithTimeout(5*time.Second)) })

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listener.Addr().String()+"/eggs", http.NoBody)
	require.NoError(t, err)
	for name, value := range map[string]string{"traceparent": traceparent, "tracestate": tracestate, "baggage": bag} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	spans := collector.WaitForSpans(4)
	server, whole := spanNamed(t, spans, "POST /eggs"), spanNamed(t, spans, "transaction")
	insert, call := spanNamed(t, spans, "INSERT eggs"), spanNamed(t, spans, "GET")
	require.Equal(t, "b7ad6b7169203331", hex.EncodeToString(server.GetParentSpanId()))
	require.Equal(t, server.GetSpanId(), whole.GetParentSpanId())
	require.Equal(t, whole.GetSpanId(), insert.GetParentSpanId())
	require.Equal(t, server.GetSpanId(), call.GetParentSpanId())
	for _, span := range spans {
		require.Equal(t, traceID, hex.EncodeToString(span.GetTraceId()), span.GetName())
	}
	received := <-sent
	require.Equal(t, "00-"+traceID+"-"+hex.EncodeToString(call.GetSpanId())+"-01", received.Get("Traceparent"))
	require.Equal(t, tracestate, received.Get("Tracestate"))
	require.Equal(t, bag, received.Get("Baggage"))
	require.Empty(t, response.Header.Get("Baggage"), "the client gets none of it back")
	require.Equal(t, "200", telemetrytest.Attribute(server, "http.response.status_code")[len("int_value:"):])
}
