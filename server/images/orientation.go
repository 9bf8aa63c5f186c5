package images

import (
	"bytes"
	"encoding/binary"
	"image"
)

// turn is how a picture has to be turned to stand upright, as the Exif standard counts it (CIPA DC-008, 4.6.5.1.6).
type turn uint16

const (
	upright        turn = 1
	mirrored       turn = 2
	upsideDown     turn = 3
	flipped        turn = 4
	transposed     turn = 5
	turnedLeft     turn = 6 // the camera was held so that the top is at the right
	transversed    turn = 7
	turnedRight    turn = 8
	orientationTag      = 0x0112
)

// swapsSides reports whether the turn makes width height.
func (t turn) swapsSides() bool { return t >= transposed }

// apply turns the picture.
func (t turn) apply(picture *image.RGBA) *image.RGBA {
	if t == upright {
		return picture
	}
	w, h := picture.Rect.Dx(), picture.Rect.Dy()
	width, height := w, h
	if t.swapsSides() {
		width, height = h, w
	}
	turned := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range h {
		for x := range w {
			toX, toY := t.place(x, y, w, h)
			copy(turned.Pix[turned.PixOffset(toX, toY):][:4], picture.Pix[picture.PixOffset(x, y):][:4])
		}
	}
	return turned
}

// place is where a pixel of a picture of w × h goes.
func (t turn) place(x, y, w, h int) (toX, toY int) {
	switch t {
	case mirrored:
		return w - 1 - x, y
	case upsideDown:
		return w - 1 - x, h - 1 - y
	case flipped:
		return x, h - 1 - y
	case transposed:
		return y, x
	case turnedLeft:
		return h - 1 - y, x
	case transversed:
		return h - 1 - y, w - 1 - x
	case turnedRight:
		return y, w - 1 - x
	}
	return x, y
}

// orientation reads a JPEG's Exif orientation. What has none, or one that makes no sense, is upright.
func orientation(upload []byte) turn {
	const soi, app1, sos, marker = 0xd8, 0xe1, 0xda, 0xff
	if len(upload) < 2 || upload[0] != marker || upload[1] != soi {
		return upright
	}
	for rest := upload[2:]; len(rest) >= 4 && rest[0] == marker && rest[1] != sos; {
		length := int(binary.BigEndian.Uint16(rest[2:]))
		if length < 2 || length+2 > len(rest) {
			break
		}
		if exif, found := bytes.CutPrefix(rest[4:2+length], []byte("Exif\x00\x00")); found && rest[1] == app1 {
			return exifOrientation(exif)
		}
		rest = rest[2+length:]
	}
	return upright
}

// exifOrientation reads the first directory of a TIFF.
func exifOrientation(tiff []byte) turn {
	const header, entry = 8, 12
	if len(tiff) < header {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entry {
			break
		}
		if order.Uint16(entries) == orientationTag {
			if t := turn(order.Uint16(entries[8:])); t >= upright && t <= turnedRight {
				return t
			}
			break
		}
		entries = entries[entry:]
	}
	return upright
}
