// Package images takes photographs of products: it checks what was uploaded, brings it into a few sizes, and keeps it in
// a file system or a cloud's object store. What is kept was encoded here, so nothing of an upload but its pixels gets
// through: no position of the camera, no script behind the picture.
package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	// maxPixels bounds what is decoded: 25 million, so that a camera of 24 megapixels gets through. A progressive JPEG needs
	// about 530 MB of memory for it. It is checked before a pixel is decoded.
	maxPixels = 25_000_000
	// maxSide bounds width and height.
	maxSide = 12_000
	// minSide is the least width and height: less is not a picture of anything.
	minSide = 64
	// quality of the JPEGs we make, from 1 to 100: beyond it, files grow and nobody sees why.
	quality = 82
)

// Widths are the widths that each image is kept in, in pixels. A smaller original is not enlarged.
func Widths() []int { return []int{320, 800, 1600} }

// Kinds of refusal; tell them apart with errors.Is.
var (
	// ErrType says that the upload is none of the types taken.
	ErrType = errors.New("not a JPEG, PNG or WebP image")
	// ErrSize says that its width or height is out of bounds.
	ErrSize = errors.New("image size out of bounds")
	// ErrBroken says that it cannot be decoded.
	ErrBroken = errors.New("broken image")
	// ErrBusy says that other images were worked on until the upload's time was up. Trying again later may help.
	ErrBusy = errors.New("other images are being worked on")
)

// Intake makes uploads into images.
type Intake struct {
	slots    chan struct{}
	outcomes *prometheus.CounterVec
	duration prometheus.Observer
}

// NewIntake works on so many uploads at once; others wait.
func NewIntake(atOnce int, tel *telemetry.Telemetry) *Intake {
	in := &Intake{
		slots:    make(chan struct{}, atOnce),
		outcomes: tel.Metrics.Counter(catalogue.ImageUploads),
		duration: tel.Metrics.Histogram(catalogue.ImageProcessingDuration).WithLabelValues(),
	}
	for _, outcome := range []string{catalogue.ImageTaken, catalogue.ImageRefused, catalogue.ImageAbandoned} {
		in.outcomes.WithLabelValues(outcome)
	}
	return in
}

// Image is a photograph in every width, as JPEG.
type Image struct {
	Hash  string // of its content, 32 hexadecimal digits
	Files map[int][]byte
}

// Take makes an upload into an image. It fails with ErrType, ErrSize, ErrBroken or ErrBusy, or with the context, at whose
// end it stops working.
func (in *Intake) Take(ctx context.Context, upload []byte) (Image, error) {
	taken, err := in.take(ctx, upload)
	switch {
	case err == nil:
		in.outcomes.WithLabelValues(catalogue.ImageTaken).Inc()
	case ctx.Err() != nil:
		in.outcomes.WithLabelValues(catalogue.ImageAbandoned).Inc()
	default:
		in.outcomes.WithLabelValues(catalogue.ImageRefused).Inc()
	}
	return taken, err
}

func (in *Intake) take(ctx context.Context, upload []byte) (Image, error) {
	decode, err := check(upload)
	if err != nil {
		return Image{}, err
	}
	select {
	case in.slots <- struct{}{}:
		defer func() { <-in.slots }()
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = ErrBusy
		}
		return Image{}, fmt.Errorf("wait for other images to be worked on: %w", errors.Join(err, ctx.Err()))
	}
	start := time.Now()
	defer func() { in.duration.Observe(time.Since(start).Seconds()) }()
	return convert(ctx, upload, decode)
}

// check looks at the first bytes: what it is, and how large it would be.
func check(upload []byte) (decoder, error) {
	format, known := formats()[http.DetectContentType(upload)]
	if !known {
		return nil, fmt.Errorf("%w: its content is %s", ErrType, http.DetectContentType(upload))
	}
	size, err := format.size(upload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	w, h := size.Width, size.Height
	if w < minSide || h < minSide || w > maxSide || h > maxSide || w*h > maxPixels {
		return nil, fmt.Errorf("%w: it has %d × %d pixels; each side must have %d to %d, and all together at most %d million",
			ErrSize, w, h, minSide, maxSide, maxPixels/1_000_000)
	}
	return format.decode, nil
}

// convert decodes the upload and makes it an image. It looks at the context between steps; none takes long.
func convert(ctx context.Context, upload []byte, decode decoder) (made Image, err error) {
	defer func() { // a decoder that does not foresee something must not end the process
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the decoder panicked: %v\n%s", ErrBroken, p, debug.Stack())
		}
	}()
	picture, err := decode(&boundReader{ctx: ctx, from: bytes.NewReader(upload)})
	switch {
	case ctx.Err() != nil:
		return Image{}, fmt.Errorf("decode an image: %w", ctx.Err())
	case err != nil:
		return Image{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	turn := orientation(upload)
	made.Files = map[int][]byte{}
	content := sha256.New()
	widths := Widths()
	for i := len(widths) - 1; i >= 0; i-- { // from the largest: each is made from the one before
		if picture, err = scale(ctx, picture, widths[i], turn); err != nil {
			return Image{}, fmt.Errorf("scale to width %d: %w", widths[i], err)
		}
		turn = upright // the first has turned it
		var file bytes.Buffer
		if err := jpeg.Encode(&file, picture, &jpeg.Options{Quality: quality}); err != nil {
			return Image{}, fmt.Errorf("encode in width %d: %w", widths[i], err)
		}
		made.Files[widths[i]] = file.Bytes()
		content.Write(file.Bytes())
	}
	const hashBytes = 16
	made.Hash = hex.EncodeToString(content.Sum(nil)[:hashBytes])
	return made, nil
}

// boundReader ends with the context, and so does a decoder that reads from it.
type boundReader struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (r *boundReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}
