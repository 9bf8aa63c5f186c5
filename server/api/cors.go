package api

import (
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
)

// preflightAge is how long a browser need not ask again what it may send. Browsers take two hours at most.
const preflightAge = 2 * time.Hour

// sharedMethods, takenHeaders and shownHeaders are what pages of other origins may use: all that the API has for clients.
// Content-Type of answers, Cache-Control and a few more are shown unasked.
func sharedMethods() []string {
	return []string{fiber.MethodGet, fiber.MethodHead, fiber.MethodPost, fiber.MethodPut, fiber.MethodPatch, fiber.MethodDelete}
}

func takenHeaders() []string {
	return []string{
		fiber.HeaderAuthorization, fiber.HeaderContentType, fiber.HeaderIfMatch, fiber.HeaderIfNoneMatch, keyHeader,
		"traceparent", "tracestate", "baggage",
	}
}

func shownHeaders() []string {
	return []string{
		fiber.HeaderETag, fiber.HeaderContentDisposition, fiber.HeaderLink, fiber.HeaderRetryAfter, fiber.HeaderWWWAuthenticate, fiber.HeaderAllow,
		headerLimit, headerRemaining, headerReset, headerPolicy, "Deprecation", "Sunset", replayedHeader,
	}
}

// share lets pages of these origins, and of no others, call the API and read its answers, whatever they are. Tokens are
// sent in a header, so no cookies are: an answer is the same for whoever asks with the same token. Preflights are answered
// here, as they ask nothing of the market and have no token.
func share(origins []string) fiber.Handler {
	answer := cors.New(cors.Config{
		AllowOrigins:  strings.Join(origins, ","),
		AllowMethods:  strings.Join(sharedMethods(), ","),
		AllowHeaders:  strings.Join(takenHeaders(), ","),
		ExposeHeaders: strings.Join(shownHeaders(), ","),
		MaxAge:        int(preflightAge.Seconds()),
	})
	return func(c *fiber.Ctx) error {
		if origin := c.Get(fiber.HeaderOrigin); origin != "" && !slices.Contains(origins, origin) {
			c.Vary(fiber.HeaderOrigin) // or a cache would give this answer, which cannot be read, to a page of ours
			return c.Next()            // the middleware would tell it all but its own name
		}
		return answer(c)
	}
}
