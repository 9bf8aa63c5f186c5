package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Images is where photographs of products are made and kept.
type Images struct {
	Intake *images.Intake
	Store  *images.Store
	Limit  int // bytes of an upload
}

const (
	imagesPath    = "/images/"
	productPrefix = "/api/v1/products/"
	imageSuffix   = "/image"
	imagePath     = productPrefix + "{id}" + imageSuffix // of a product
	// uploadTime is how long an upload may take: a photograph over a poor mobile connection.
	uploadTime = time.Minute
	// forever is for what never changes: another image has another URL.
	forever = "public, max-age=31536000, immutable"
)

// Image is a photograph as the API shows it.
type Image struct {
	Small  string `json:"small" format:"uri-reference" example:"/images/4bf92f3577b34da6a3ce929d0e0e4736-320.jpg" doc:"At most 320 pixels wide. An image's URLs never show another."`
	Medium string `json:"medium" format:"uri-reference" example:"/images/4bf92f3577b34da6a3ce929d0e0e4736-800.jpg" doc:"At most 800 pixels wide."`
	Large  string `json:"large" format:"uri-reference" example:"/images/4bf92f3577b34da6a3ce929d0e0e4736-1600.jpg" doc:"At most 1600 pixels wide."`
}

// imageOf returns nil without an image.
func imageOf(hash string) *Image {
	if hash == "" {
		return nil
	}
	widths := images.Widths()
	return &Image{
		Small:  imagesPath + images.FileName(hash, widths[0]),
		Medium: imagesPath + images.FileName(hash, widths[1]),
		Large:  imagesPath + images.FileName(hash, widths[2]),
	}
}

type uploadInput struct {
	OptionalIfMatch
	ID      string `path:"id" format:"uuid" example:"9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11" doc:"Id of the product."`
	RawBody []byte `contentType:"image/jpeg"`
}

// RegisterImages adds the photographs of products to the API.
func RegisterImages(api huma.API, o Images, producers *market.Producers) {
	upload := operation(http.MethodPut, "put-product-image", imagePath, "Give a product a photograph", "Products",
		http.StatusNotFound, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	upload.Description = "Send a JPEG, PNG or WebP as the body. It is turned upright and kept as JPEG in three widths; all else that " +
		"the file says, such as where it was taken, is dropped."
	upload.MaxBodyBytes = int64(o.Limit)
	upload.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	for _, kind := range images.Types() {
		upload.RequestBody.Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	huma.Register(api, protect(owners(), upload), func(ctx context.Context, in *uploadInput) (*taggedAnswer[Product], error) {
		seen := unchanged(in.OptionalIfMatch, productOf)
		if err := producers.MayChangeProduct(ctx, actor(ctx), in.ID, seen); err != nil { // before the work
			return nil, problemOf(ctx, err)
		}
		hash, err := o.keep(ctx, in.RawBody, producers.ExpectImage)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		product, err := producers.SetProductImage(ctx, actor(ctx), in.ID, seen, hash)
		return answerProduct(ctx, product, err)
	})
	huma.Register(api, protect(owners(), operation(http.MethodDelete, "delete-product-image", imagePath,
		"Take a product's photograph away", "Products", http.StatusNotFound, http.StatusPreconditionFailed)),
		func(ctx context.Context, in *changeInput) (*struct{}, error) {
			seen := unchanged(in.OptionalIfMatch, productOf)
			if _, err := producers.SetProductImage(ctx, actor(ctx), in.ID, seen, ""); err != nil {
				return nil, problemOf(ctx, err)
			}
			return nil, nil //nolint:nilnil // 204 has no body
		})
}

// keep makes the upload an image, announces its hash, keeps it and returns the hash.
func (o Images) keep(ctx context.Context, upload []byte, announce func(ctx context.Context, hash string) error) (string, error) {
	image, err := o.Intake.Take(ctx, upload)
	switch {
	case errors.Is(err, images.ErrType):
		return "", newProblem(http.StatusUnsupportedMediaType, err.Error()+"; send a JPEG, PNG or WebP image")
	case errors.Is(err, images.ErrSize):
		return "", newProblem(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, images.ErrBroken):
		return "", newProblem(http.StatusUnprocessableEntity, "the image is broken, or was not uploaded whole")
	case errors.Is(err, images.ErrBusy):
		telemetry.Fail(ctx, catalogue.ErrorTimeout, err)
		return "", newProblem(http.StatusServiceUnavailable, "other images are being worked on; try again in a few seconds")
	case err != nil:
		return "", err
	}
	if err := announce(ctx, image.Hash); err != nil {
		return "", err
	}
	return image.Hash, o.Store.Keep(ctx, image)
}

// largerUploads lets an image's upload be larger, and take longer, than any other request.
func largerUploads(limit int) func(*fasthttp.RequestHeader) fasthttp.RequestConfig {
	return func(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
		path := string(header.RequestURI())
		if string(header.Method()) == fiber.MethodPut && strings.HasPrefix(path, productPrefix) && strings.HasSuffix(path, imageSuffix) &&
			len(header.Peek(fiber.HeaderAuthorization)) > 0 {
			return fasthttp.RequestConfig{MaxRequestBodySize: limit, ReadTimeout: uploadTime}
		}
		return fasthttp.RequestConfig{}
	}
}

// imageName is all that a file can be called; nothing else reaches the store.
var imageName = regexp.MustCompile(`^([0-9a-f]{32})-([0-9]{1,4})\.jpg$`)

// serveImages serves the files.
func serveImages(app *fiber.App, store *images.Store) {
	app.Get(imagesPath+":name", func(c *fiber.Ctx) error {
		parts := imageName.FindStringSubmatch(c.Params("name"))
		if parts == nil {
			return fiber.ErrNotFound
		}
		width, err := strconv.Atoi(parts[2])
		if err != nil || !slices.Contains(images.Widths(), width) {
			return fiber.ErrNotFound
		}
		content, err := store.Read(c.UserContext(), parts[1], width)
		if err != nil {
			return err
		}
		(&keptAnswer{etag: `"` + parts[0] + `"`, contentType: "image/jpeg", body: content}).send(c, forever)
		return nil
	})
}
