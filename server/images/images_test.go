package images_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/images"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
)

func newTelemetry(tb testing.TB) *telemetry.Telemetry {
	tb.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(tb, err)
	return tel
}

func newIntake(tb testing.TB) *images.Intake {
	tb.Helper()
	return images.NewIntake(2, newTelemetry(tb))
}

var (
	red   = color.RGBA{R: 255, A: 255}
	green = color.RGBA{G: 255, A: 255}
	blue  = color.RGBA{B: 255, A: 255}
)

// picture has a red corner at the top left, a green one at the top right, and is blue otherwise.
func picture(w, h int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			switch {
			case x < w/3 && y < h/3:
				p.Set(x, y, red)
			case x >= w-w/3 && y < h/3:
				p.Set(x, y, green)
			default:
				p.Set(x, y, blue)
			}
		}
	}
	return p
}

func asPNG(tb testing.TB, p image.Image) []byte {
	tb.Helper()
	var out bytes.Buffer
	require.NoError(tb, png.Encode(&out, p))
	return out.Bytes()
}

func asJPEG(tb testing.TB, p image.Image) []byte {
	tb.Helper()
	var out bytes.Buffer
	require.NoError(tb, jpeg.Encode(&out, p, &jpeg.Options{Quality: 95}))
	return out.Bytes()
}

// withExif puts an Exif segment with the orientation, and a secret, into a JPEG.
func withExif(content []byte, orientation uint16, order binary.AppendByteOrder) []byte {
	mark := "MM"
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		mark = "II"
	}
	tiff := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(order.AppendUint16(tiff, orientation), 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	segment = append(segment, "GPS 53.34,-6.26"...)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(segment)+2))
	return append(append(head, segment...), content[2:]...)
}

func decodeAll(t *testing.T, i images.Image) map[int]image.Image {
	t.Helper()
	decoded := map[int]image.Image{}
	for width, file := range i.Files {
		p, err := jpeg.Decode(bytes.NewReader(file))
		require.NoError(t, err)
		decoded[width] = p
	}
	return decoded
}

// colourAt names the colour at a corner.
func colourAt(p image.Image, x, y int) string {
	r, g, b, _ := p.At(x, y).RGBA()
	switch {
	case r > g && r > b:
		return "red"
	case g > r && g > b:
		return "green"
	}
	return "blue"
}

func TestAnImageIsKeptInEveryWidthAndNeverEnlarged(t *testing.T) {
	for name, c := range map[string]struct {
		w, h int
		want map[int]image.Point
	}{
		"a large one": {2000, 1000, map[int]image.Point{320: {320, 160}, 800: {800, 400}, 1600: {1600, 800}}},
		"a huge one":  {4801, 900, map[int]image.Point{320: {320, 59}, 800: {800, 149}, 1600: {1600, 299}}},
		"a small one": {400, 100, map[int]image.Point{320: {320, 80}, 800: {400, 100}, 1600: {400, 100}}},
		"a strip":     {12000, 64, map[int]image.Point{320: {320, 1}, 800: {800, 4}, 1600: {1600, 8}}},
	} {
		t.Run(name, func(t *testing.T) {
			taken, err := newIntake(t).Take(t.Context(), asPNG(t, picture(c.w, c.h)))
			require.NoError(t, err)
			got := map[int]image.Point{}
			for width, p := range decodeAll(t, taken) {
				got[width] = p.Bounds().Size()
				if right := p.Bounds().Dx() - 1; c.h >= 100 { // a strip becomes a line
					require.Equal(t, []string{"red", "green"}, []string{colourAt(p, 0, 0), colourAt(p, right, 0)})
				}
			}
			require.Equal(t, c.want, got)
			require.Regexp(t, "^[0-9a-f]{32}$", taken.Hash)
		})
	}
}

func TestTheCamerasOrientationIsAppliedAndItsMetadataDropped(t *testing.T) {
	upright := picture(300, 200)
	for orientation, c := range map[uint16]struct {
		w, h                                  int
		topLeft, topRight, bottomLeft, bottom string
	}{
		1: {300, 200, "red", "green", "blue", "blue"},
		2: {300, 200, "green", "red", "blue", "blue"},
		3: {300, 200, "blue", "blue", "green", "red"},
		4: {300, 200, "blue", "blue", "red", "green"},
		5: {200, 300, "red", "blue", "green", "blue"},
		6: {200, 300, "blue", "red", "blue", "green"},
		7: {200, 300, "blue", "green", "blue", "red"},
		8: {200, 300, "green", "blue", "red", "blue"},
		9: {300, 200, "red", "green", "blue", "blue"},
	} {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			taken, err := newIntake(t).Take(t.Context(), withExif(asJPEG(t, upright), orientation, order))
			require.NoError(t, err)
			p := decodeAll(t, taken)[800]
			require.Equal(t, image.Pt(c.w, c.h), p.Bounds().Size(), "orientation %d", orientation)
			got := []string{
				colourAt(p, 5, 5), colourAt(p, c.w-6, 5), colourAt(p, 5, c.h-6), colourAt(p, c.w-6, c.h-6),
			}
			require.Equal(t, []string{c.topLeft, c.topRight, c.bottomLeft, c.bottom}, got, "orientation %d", orientation)
			for _, file := range taken.Files {
				require.NotContains(t, string(file), "Exif")
				require.NotContains(t, string(file), "GPS")
			}
		}
	}
}

func TestTransparencyBecomesWhite(t *testing.T) {
	taken, err := newIntake(t).Take(t.Context(), asPNG(t, image.NewRGBA(image.Rect(0, 0, 100, 100))))
	require.NoError(t, err)
	r, g, b, _ := decodeAll(t, taken)[320].At(50, 50).RGBA()
	require.Equal(t, []uint32{0xffff, 0xffff, 0xffff}, []uint32{r, g, b})
}

func TestTheSameImageHasTheSameHash(t *testing.T) {
	in, upload := newIntake(t), asPNG(t, picture(200, 200))
	one, err := in.Take(t.Context(), upload)
	require.NoError(t, err)
	two, err := in.Take(t.Context(), upload)
	require.NoError(t, err)
	other, err := in.Take(t.Context(), asPNG(t, picture(200, 201)))
	require.NoError(t, err)
	require.Equal(t, one, two)
	require.NotEqual(t, one.Hash, other.Hash)
}

// pngOf is the start of a PNG that says it has this size, as a bomb does: its pixels would be a few bytes.
func pngOf(w, h uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	header = append(binary.BigEndian.AppendUint32(header, h), 8, 6, 0, 0, 0)
	out := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	out = append(out, header...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(header))
}

func TestWhatIsNoDecentImageIsRefused(t *testing.T) {
	whole := asJPEG(t, picture(300, 200))
	var animation bytes.Buffer
	require.NoError(t, gif.Encode(&animation, picture(100, 100), nil))
	for name, c := range map[string]struct {
		upload []byte
		want   error
	}{
		"nothing":                       {nil, images.ErrType},
		"a text":                        {[]byte("carrots"), images.ErrType},
		"a web page":                    {[]byte("<html><script>alert(1)</script>"), images.ErrType},
		"a drawing with a script in it": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), images.ErrType},
		"a GIF":                         {animation.Bytes(), images.ErrType},
		"a program":                     {[]byte("\x7fELF\x02\x01\x01"), images.ErrType},
		"a page that begins like a PNG": {[]byte("\x89PNG\r\n\x1a\n<html>"), images.ErrBroken},
		"half a JPEG":                   {whole[:len(whole)/2], images.ErrBroken},
		"the head of a JPEG":            {whole[:20], images.ErrBroken},
		"half a PNG":                    {asPNG(t, picture(300, 200))[:400], images.ErrBroken},
		"a WebP that is none":           {[]byte("RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00"), images.ErrBroken},
		"a bomb":                        {pngOf(60_000, 60_000), images.ErrSize},
		"a bomb whose size overflows":   {pngOf(1<<31-1, 1<<31-1), images.ErrBroken},
		"too many pixels":               {pngOf(6250, 4001), images.ErrSize},
		"a side that is too long":       {pngOf(12_001, 100), images.ErrSize},
		"a tracking pixel":              {asPNG(t, picture(1, 1)), images.ErrSize},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newIntake(t).Take(t.Context(), c.upload)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestWhatHangsBehindAnImageIsDropped(t *testing.T) {
	for name, upload := range map[string][]byte{
		"a web page behind a JPEG": append(asJPEG(t, picture(300, 200)), "<script>alert(1)</script>"...),
		"an archive behind a PNG":  append(asPNG(t, picture(300, 200)), "PK\x03\x04evil<script>"...),
	} {
		t.Run(name, func(t *testing.T) {
			taken, err := newIntake(t).Take(t.Context(), upload)
			require.NoError(t, err)
			for _, file := range taken.Files {
				require.NotContains(t, string(file), "<script>")
			}
		})
	}
}

func TestManyUploadsAtOnceAreAllTakenInTheirTurn(t *testing.T) {
	in, upload := newIntake(t), asPNG(t, picture(300, 200))
	var working sync.WaitGroup
	for range 20 {
		working.Go(func() {
			if _, err := in.Take(t.Context(), upload); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
}

func TestWhoWaitsForAnotherInVainIsToldSo(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		busy bool
	}{
		"when its time is up": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Unix(0, 0))
		}, true},
		"when it gives up": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			return ended, cancel
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := images.NewIntake(0, newTelemetry(t)) // nobody's turn ever comes
			ctx, cancel := c.end(t.Context())
			defer cancel()
			_, err := in.Take(ctx, asPNG(t, picture(300, 200)))
			require.ErrorIs(t, err, ctx.Err())
			require.Equal(t, c.busy, errors.Is(err, images.ErrBusy))
		})
	}
}

// fewLooks is a context that ends when it has been looked at so often.
type fewLooks struct {
	context.Context

	left int
}

func (c *fewLooks) Err() error {
	if c.left == 0 {
		return context.DeadlineExceeded
	}
	c.left--
	return nil
}

func TestAnUploadWhoseTimeIsUpIsWorkedOnNoFurtherWhateverIsBeingDone(t *testing.T) {
	in, upload := newIntake(t), asJPEG(t, picture(3600, 200))
	looks := 0
	for {
		_, err := in.Take(&fewLooks{Context: t.Context(), left: looks}, upload)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, images.ErrBroken, "it is not the upload that is wrong")
		looks++
	}
	const readAtOnce = 4096 // what a decoder reads
	steps := len(upload)/readAtOnce + 2*len(images.Widths())
	require.Greater(t, looks, steps)
}

func TestAKeptImageCanBeReadAndNothingElse(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "images")
	for name, url := range map[string]string{"in a folder": "file://" + folder, "in memory": "mem://"} {
		t.Run(name, func(t *testing.T) {
			s, err := images.Open(t.Context(), url, newTelemetry(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			require.NoError(t, s.Probe(t.Context()))
			taken, err := newIntake(t).Take(t.Context(), asPNG(t, picture(300, 200)))
			require.NoError(t, err)
			for range 2 {
				require.NoError(t, s.Keep(t.Context(), taken))
			}
			for width, file := range taken.Files {
				content, err := s.Read(t.Context(), taken.Hash, width)
				require.NoError(t, err)
				require.Equal(t, file, content)
			}
			_, err = s.Read(t.Context(), strings.Repeat("0", 32), 320)
			require.ErrorIs(t, err, market.ErrNotFound)
		})
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 3, "no leftovers")
}

func TestAStoreThatIsGoneSaysSo(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "images")
	s, err := images.Open(t.Context(), "file://"+folder, newTelemetry(t))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	require.Error(t, s.Probe(t.Context()))
	require.ErrorIs(t, s.Keep(t.Context(), images.Image{Hash: "x", Files: map[int][]byte{320: {1}}}), market.ErrUnavailable)
	_, err = images.Open(t.Context(), "file://"+folder+"/below", newTelemetry(t))
	require.Error(t, err)
	_, err = images.Open(t.Context(), "gs://x", newTelemetry(t))
	require.Error(t, err)
}

func FuzzTake(f *testing.F) {
	in := newIntake(f)
	small := picture(64, 64)
	f.Add(asPNG(f, small))
	f.Add(asJPEG(f, small))
	f.Add(withExif(asJPEG(f, small), 6, binary.BigEndian))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, upload []byte) {
		taken, err := in.Take(t.Context(), upload)
		if err != nil {
			return
		}
		for _, width := range images.Widths() {
			p, err := jpeg.DecodeConfig(bytes.NewReader(taken.Files[width]))
			require.NoError(t, err)
			require.LessOrEqual(t, p.Width, width)
		}
	})
}
