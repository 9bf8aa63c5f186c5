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
	"image"
	"image/jpeg"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/image/draw"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

const (
	// maxPixels bounds what is decoded: 24 million, which a progressive JPEG needs about 400 MB of memory for. It is
	// checked before a pixel is decoded.
	maxPixels = 24_000_000
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
	for _, outcome := range []string{catalogue.ImageTaken, catalogue.ImageRefused} {
		in.outcomes.WithLabelValues(outcome)
	}
	return in
}

// Image is a photograph in every width, as JPEG.
type Image struct {
	Hash  string // of its content, 32 hexadecimal digits
	Files map[int][]byte
}

// Take makes an upload into an image. It fails with ErrType, ErrSize or ErrBroken, or with the context.
func (in *Intake) Take(ctx context.Context, upload []byte) (Image, error) {
	decode, err := check(upload)
	if err != nil {
		in.outcomes.WithLabelValues(catalogue.ImageRefused).Inc()
		return Image{}, err
	}
	select {
	case in.slots <- struct{}{}:
		defer func() { <-in.slots }()
	case <-ctx.Done():
		return Image{}, fmt.Errorf("wait for other images to be worked on: %w", ctx.Err())
	}
	start := time.Now()
	taken, err := take(upload, decode)
	in.duration.Observe(time.Since(start).Seconds())
	outcome := catalogue.ImageTaken
	if err != nil {
		outcome = catalogue.ImageRefused
	}
	in.outcomes.WithLabelValues(outcome).Inc()
	return taken, err
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

func take(upload []byte, decode decoder) (taken Image, err error) {
	defer func() { // a decoder that does not foresee something must not end the process
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the decoder panicked: %v\n%s", ErrBroken, p, debug.Stack())
		}
	}()
	picture, err := decode(bytes.NewReader(upload))
	if err != nil {
		return Image{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	turn := orientation(upload)
	taken.Files = map[int][]byte{}
	content := sha256.New()
	widths := Widths()
	for i := len(widths) - 1; i >= 0; i-- { // from the largest: each is made from the one before
		picture = scale(picture, widths[i], turn)
		turn = upright // the first has turned it
		var file bytes.Buffer
		if err := jpeg.Encode(&file, picture, &jpeg.Options{Quality: quality}); err != nil {
			return Image{}, fmt.Errorf("encode in width %d: %w", widths[i], err)
		}
		taken.Files[widths[i]] = file.Bytes()
		content.Write(file.Bytes())
	}
	const hashBytes = 16
	taken.Hash = hex.EncodeToString(content.Sum(nil)[:hashBytes])
	return taken, nil
}

// scale makes the picture at most so wide once it is turned, and turns it. Transparency becomes white: a JPEG has none.
func scale(picture image.Image, width int, turn turn) image.Image {
	bounds := picture.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	if turn.swapsSides() {
		w, h = h, w
	}
	if w > width {
		w, h = width, max(1, h*width/w)
	}
	if turn.swapsSides() {
		w, h = h, w
	}
	scaled := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(scaled, scaled.Bounds(), image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(scaled, scaled.Bounds(), picture, bounds, draw.Over, nil)
	return turn.apply(scaled)
}
