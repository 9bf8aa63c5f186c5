package telemetry

import (
	"errors"
	"io"
	"sync"
	"syscall"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// bodies are the routes of the requests whose bodies are being read. fasthttp forgets the headers of a request when its
// body is too large or does not come; without this nobody would know which route that was for.
type bodies struct {
	routes sync.Map // *fasthttp.RequestHeader to *route
}

// expect notes the route of a request that has headers so far.
func (b *bodies) expect(header *fasthttp.RequestHeader, find func(method string, path []byte) *route) {
	if header.IsGet() || header.IsHead() || header.ContentLength() == 0 {
		return
	}
	path := header.RequestURI()
	for i, c := range path {
		if c == '?' || c == '#' {
			path = path[:i]
			break
		}
	}
	b.routes.Store(header, find(knownMethod(header.Method()), path))
}

// take returns what was noted; nil when nothing was, as of the requests without a body.
func (b *bodies) take(header *fasthttp.RequestHeader) *route {
	if header.IsHead() || header.IsGet() && len(header.RawHeaders()) > 0 {
		return nil
	}
	if noted, ok := b.routes.LoadAndDelete(header); ok {
		return noted.(*route) //nolint:errcheck // nothing else is stored
	}
	return nil
}

// giveContext lets the app's error handler find the request's context as handlers do, though no middleware has run.
func giveContext(app *fiber.App, ctx *fasthttp.RequestCtx) {
	c := app.AcquireCtx(ctx)
	c.SetUserContext(exchangeOf(ctx))
	app.ReleaseCtx(c)
}

// answerUnread answers a request that could not be read. When that is because its client has gone, neither we nor a
// gateway are to blame, which is what Fiber says of a broken connection.
func answerUnread(ctx *fasthttp.RequestCtx, err error, answer func(*fasthttp.RequestCtx, error)) {
	x := exchangeOf(ctx)
	x.err = err
	answer(ctx, err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		x.errorType = catalogue.ErrorCanceled
		ctx.SetStatusCode(fiber.StatusBadRequest)
	}
}
