package images

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/memblob" // mem://
	_ "gocloud.dev/blob/s3blob"  // s3://
	"gocloud.dev/gcerrors"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// storeTimeout bounds one use of the store.
const storeTimeout = 3 * time.Second

// Store keeps images. It is safe for concurrent use.
type Store struct {
	bucket  *blob.Bucket
	folder  string // empty in a cloud
	signals *signals
}

// Open prepares access to the store at the URL: file://FOLDER, which is made when it is not there, s3://BUCKET,
// azblob://CONTAINER, or mem:// for one that ends with the process. The clouds take their credentials from the
// environment, as their own tools do.
func Open(ctx context.Context, storeURL string, tel *telemetry.Telemetry) (*Store, error) {
	u, err := url.Parse(storeURL)
	if err != nil {
		return nil, fmt.Errorf("open image store: %w", err)
	}
	if u.Scheme != "file" {
		bucket, err := blob.OpenBucket(ctx, storeURL)
		if err != nil {
			return nil, fmt.Errorf("open image store %s: %w", u.Redacted(), err)
		}
		return &Store{bucket: bucket, signals: newSignals(u.Scheme, tel)}, nil
	}
	folder := filepath.FromSlash(u.Host + u.Path)
	bucket, err := fileblob.OpenBucket(folder, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o755, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open image folder %s: %w", folder, err)
	}
	return &Store{bucket: bucket, folder: folder, signals: newSignals(u.Scheme, tel)}, nil
}

// Close ends the use of the store.
func (s *Store) Close() error { return s.bucket.Close() }

// Probe asks the store for a sign of life.
func (s *Store) Probe(ctx context.Context) error {
	if s.folder != "" { // a bucket in a folder that is gone is an empty one
		if _, err := os.Stat(s.folder + string(filepath.Separator)); err != nil {
			return fmt.Errorf("look into the image folder: %w", err)
		}
	}
	accessible, err := s.bucket.IsAccessible(ctx)
	if err != nil {
		return fmt.Errorf("ask the image store: %w", err)
	}
	if !accessible {
		return errors.New("the image store is not there, or is not ours to use")
	}
	return nil
}

// Keep writes the image in every width. What is there already is not written again: it is the same. It fails with
// market.ErrUnavailable or market.ErrTimeout.
func (s *Store) Keep(ctx context.Context, image Image) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for width, content := range image.Files {
		name := FileName(image.Hash, width)
		if there, err := s.exists(ctx, name); err == nil && there {
			continue
		}
		err := s.signals.use(ctx, catalogue.ImageStorePut, name, func(ctx context.Context) error {
			return s.bucket.WriteAll(ctx, name, content, &blob.WriterOptions{ContentType: "image/jpeg", CacheControl: "public, max-age=31536000, immutable"})
		})
		if err != nil {
			return classify("keep image "+name, err)
		}
	}
	return nil
}

func (s *Store) exists(ctx context.Context, name string) (there bool, err error) {
	err = s.signals.use(ctx, catalogue.ImageStoreExists, name, func(ctx context.Context) (err error) {
		there, err = s.bucket.Exists(ctx, name)
		return err
	})
	return there, err
}

// Read returns the content of a file. It fails with market.ErrNotFound, market.ErrUnavailable or market.ErrTimeout.
func (s *Store) Read(ctx context.Context, hash string, width int) (content []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	name := FileName(hash, width)
	err = s.signals.use(ctx, catalogue.ImageStoreGet, name, func(ctx context.Context) (err error) {
		content, err = s.bucket.ReadAll(ctx, name)
		return err
	})
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, &market.NotFoundError{Kind: "image", ID: name}
	}
	if err != nil {
		return nil, classify("read image "+name, err)
	}
	return content, nil
}

// Delete takes the image away in every width. What is not there is none to take away. It fails with market.ErrUnavailable
// or market.ErrTimeout.
func (s *Store) Delete(ctx context.Context, hash string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for _, width := range Widths() {
		name := FileName(hash, width)
		err := s.signals.use(ctx, catalogue.ImageStoreDelete, name, func(ctx context.Context) error { return s.bucket.Delete(ctx, name) })
		if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return classify("delete image "+name, err)
		}
	}
	return nil
}

// FileName is the name of an image in one width, in the store and in its URL.
func FileName(hash string, width int) string { return hash + "-" + strconv.Itoa(width) + ".jpg" }

func classify(doing string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w: %w", doing, market.ErrTimeout, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, market.ErrUnavailable, err)
}
