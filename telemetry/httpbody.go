package telemetry

import (
	"bytes"
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
	if announced(header) && string(header.Peek(fiber.HeaderContentLength)) != "0" {
		b.routes.Store(header, find(knownMethod(header.Method()), pathOf(header.RequestURI())))
	}
}

// announced says whether a body follows. fasthttp reads that of a GET, too, though it says that there is none.
func announced(header *fasthttp.RequestHeader) bool {
	if header.IsGet() || header.IsHead() {
		return len(header.Peek(fiber.HeaderContentLength)) > 0 || len(header.Peek(fiber.HeaderTransferEncoding)) > 0
	}
	return header.ContentLength() != 0
}

// pathOf is the path of what a request asks for, which may also be a whole URL, as proxies are asked for one:
// https://www.rfc-editor.org/rfc/rfc9112#name-absolute-form.
func pathOf(target []byte) []byte {
	if _, rest, absolute := bytes.Cut(target, []byte("://")); absolute && target[0] != '/' {
		slash := bytes.IndexByte(rest, '/')
		if slash < 0 {
			return []byte{'/'}
		}
		target = rest[slash:]
	}
	if end := bytes.IndexAny(target, "?#"); end >= 0 {
		return target[:end]
	}
	return target
}

// take returns what was noted; nil when nothing was, as of the requests without a body.
func (b *bodies) take(header *fasthttp.RequestHeader) *route {
	if (header.IsGet() || header.IsHead()) && len(header.RawHeaders()) > 0 && !announced(header) {
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
