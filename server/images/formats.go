package images

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

type decoder func(io.Reader) (image.Image, error)

// format is one kind of image that is taken.
type format struct {
	config func(io.Reader) (image.Config, error)
	decode decoder
}

// size reads the size that the image says it has. The decoder takes it at its word, too.
func (f format) size(upload []byte) (image.Config, error) { return f.config(bytes.NewReader(upload)) }

// formats are those that cameras and browsers make, by the content type that their first bytes have.
func formats() map[string]format {
	return map[string]format{
		"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
		"image/png":  {png.DecodeConfig, png.Decode},
		"image/webp": {webp.DecodeConfig, webp.Decode},
	}
}

// Types are the content types that are taken.
func Types() []string { return []string{"image/jpeg", "image/png", "image/webp"} }
