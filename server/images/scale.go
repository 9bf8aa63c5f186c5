package images

import (
	"context"
	"image"

	"golang.org/x/image/draw"
)

// scale makes the picture at most so wide once it is turned, and turns it. Transparency becomes white: a JPEG has none. It
// fails with the context.
func scale(ctx context.Context, picture image.Image, width int, turn turn) (image.Image, error) {
	size := fit(picture.Bounds().Size(), width, turn)
	picture, err := halve(ctx, picture, size)
	if err != nil {
		return nil, err
	}
	scaled := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(scaled, scaled.Bounds(), image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(scaled, scaled.Bounds(), picture, picture.Bounds(), draw.Over, nil)
	return turn.apply(scaled), ctx.Err()
}

// fit is the size before the turn of a picture that is at most so wide after it.
func fit(size image.Point, width int, turn turn) image.Point {
	w, h := size.X, size.Y
	if turn.swapsSides() {
		w, h = h, w
	}
	if w > width {
		w, h = width, max(1, h*width/w)
	}
	if turn.swapsSides() {
		w, h = h, w
	}
	return image.Pt(w, h)
}

// halve makes four pixels one for as long as the picture stays at least so large. It costs a fraction of what the fine
// scaler does, whose time goes by the pixels that it is given, and leaves that the last step, which shows.
func halve(ctx context.Context, picture image.Image, least image.Point) (image.Image, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		half := picture.Bounds().Size().Div(2) //nolint:mnd // a half
		if half.X < least.X || half.Y < least.Y {
			return picture, nil
		}
		smaller := image.NewRGBA(image.Rectangle{Max: half})
		draw.ApproxBiLinear.Scale(smaller, smaller.Bounds(), picture, picture.Bounds(), draw.Src, nil)
		picture = smaller
	}
}
