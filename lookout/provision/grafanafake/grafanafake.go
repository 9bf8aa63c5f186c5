// Package grafanafake is a Grafana for tests: the endpoints that lookout uses, with state, and as strict as the real one
// or stricter. It refuses unknown fields, wrong content types, bad uids and stale versions; it keeps versions of
// dashboards and prunes them; and it fills in defaults as Grafana does since 11.6.
package grafanafake

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is the fake. Its exported fields may be set before the first request.
type Server struct {
	*httptest.Server

	Token          string // accepted as a bearer token
	User, Password string // accepted as basic auth
	Forbidden      bool   // answer 403 to whoever is authenticated
	ConflictStatus int    // of a stale version: 412 in older Grafana, 409 in newer
	VersionsToKeep int    // of every dashboard

	tb          testing.TB
	mu          sync.Mutex
	now         time.Time
	folders     map[string]*folder
	sources     map[string]*source
	boards      map[string]*board
	annotations []annotation
	failures    []*Failure
	writes      []string
	requests    int
	underWay    int
	widest      int
}

// Failure is an answer given instead of the real one.
type Failure struct {
	Method, Path string // Path is a prefix
	Times        int    // how often; it is used up then
	Status       int
	RetryAfter   string
	Carry        bool   // carry the request out before failing: the answer got lost
	Before       func() // called first
	Body         string
	ContentType  string
}

type folder struct {
	UID     string `json:"uid"`
	Title   string `json:"title"`
	Version int64  `json:"version"`
	ID      int64  `json:"id"`
}

type source struct {
	ID              int64             `json:"id"`
	UID             string            `json:"uid"`
	OrgID           int64             `json:"orgId"`
	Name            string            `json:"name"`
	Type            string            `json:"type"`
	TypeLogoURL     string            `json:"typeLogoUrl"`
	Access          string            `json:"access"`
	URL             string            `json:"url"`
	User            string            `json:"user"`
	Database        string            `json:"database"`
	BasicAuth       bool              `json:"basicAuth"`
	BasicAuthUser   string            `json:"basicAuthUser"`
	WithCredentials bool              `json:"withCredentials"`
	IsDefault       bool              `json:"isDefault"`
	JSONData        map[string]any    `json:"jsonData"`
	SecureFields    map[string]bool   `json:"secureJsonFields"`
	Version         int64             `json:"version"`
	ReadOnly        bool              `json:"readOnly"`
	secrets         map[string]string `json:"-"`
}

type board struct {
	id          int64
	folderUID   string
	provisioned bool
	versions    []version // oldest first
}

type version struct {
	Number    int64
	Data      map[string]any
	Message   string
	CreatedBy string
	Created   time.Time
}

type annotation struct {
	ID   int64    `json:"id"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
	Time int64    `json:"time"`
}

// New starts a fake that accepts the token "glsa_test-token", and stops it when the test ends.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{ //nolint:gosec // the token opens nothing but this fake
		tb: tb, Token: "glsa_test-token", ConflictStatus: http.StatusPreconditionFailed, VersionsToKeep: 20,
		now:     time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC),
		folders: map[string]*folder{}, sources: map[string]*source{}, boards: map[string]*board{},
	}
	mux := http.NewServeMux()
	for pattern, handler := range map[string]handler{
		"GET /api/folders/{uid}":                           s.getFolder,
		"POST /api/folders":                                s.createFolder,
		"PUT /api/folders/{uid}":                           s.updateFolder,
		"GET /api/datasources/uid/{uid}":                   s.getSource,
		"POST /api/datasources":                            s.createSource,
		"PUT /api/datasources/uid/{uid}":                   s.updateSource,
		"GET /api/dashboards/uid/{uid}":                    s.getBoard,
		"GET /api/dashboards/uid/{uid}/versions":           s.getVersions,
		"GET /api/dashboards/uid/{uid}/versions/{version}": s.getVersion,
		"POST /api/dashboards/db":                          s.saveBoard,
		"GET /api/search":                                  s.search,
		"GET /api/annotations":                             s.getAnnotations,
		"POST /api/annotations":                            s.postAnnotation,
	} {
		mux.HandleFunc(pattern, s.guarded(handler))
	}
	mux.HandleFunc("GET /api/health", s.open(func(*http.Request) (int, any) {
		return http.StatusOK, map[string]string{"commit": "abc", "database": "ok", "version": "12.4.4"}
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		tb.Errorf("the fake does not know %s %s", r.Method, r.URL.Path)
		answer(w, http.StatusNotFound, message("Not found"))
	})
	s.Server = httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	return s
}

type handler func(*http.Request) (int, any)

// open answers anyone; guarded, those who are authenticated and allowed.
func (s *Server) open(h handler) http.HandlerFunc { return s.serve(h, false) }

func (s *Server) guarded(h handler) http.HandlerFunc { return s.serve(h, true) }

func (s *Server) serve(h handler, guard bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.count(r, +1)
		defer s.count(r, -1)
		failure := s.failureFor(r)
		if failure != nil && failure.Before != nil {
			failure.Before()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if failure != nil && !failure.Carry && failure.Status != 0 {
			fail(w, failure)
			return
		}
		if refused, why := s.refuse(r); guard && refused != 0 {
			answer(w, refused, message(why))
			return
		}
		if r.Method != http.MethodGet {
			s.writes = append(s.writes, r.Method+" "+r.URL.Path)
			if r.Header.Get("Content-Type") != "application/json" {
				answer(w, http.StatusUnsupportedMediaType, message("want application/json"))
				return
			}
		}
		status, body := h(r)
		if failure != nil && failure.Carry {
			fail(w, failure)
			return
		}
		answer(w, status, body)
	}
}

func (s *Server) count(r *http.Request, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by > 0 {
		s.requests++
	}
	if r.Method != http.MethodGet {
		s.underWay += by
		s.widest = max(s.widest, s.underWay)
	}
}

func (s *Server) refuse(r *http.Request) (int, string) {
	user, password, basic := r.BasicAuth()
	byToken := s.Token != "" && r.Header.Get("Authorization") == "Bearer "+s.Token
	byUser := basic && s.User != "" && user == s.User && password == s.Password
	if !byToken && !byUser {
		return http.StatusUnauthorized, "Invalid API key"
	}
	if s.Forbidden {
		return http.StatusForbidden, "You'll need additional permissions to perform this action. Permissions needed: folders:read"
	}
	return 0, ""
}

func (s *Server) failureFor(r *http.Request) *Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.failures {
		if f.Times > 0 && f.Method == r.Method && strings.HasPrefix(r.URL.Path, f.Path) {
			f.Times--
			return f
		}
	}
	return nil
}

func fail(w http.ResponseWriter, f *Failure) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.ContentType != "" {
		w.Header().Set("Content-Type", f.ContentType)
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return
	}
	answer(w, f.Status, message("database is locked"))
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func message(text string) map[string]string { return map[string]string{"message": text} }

// decode reads a body strictly.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("bad request data: %w", err)
	}
	return nil
}

var uidPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

func (s *Server) tick() time.Time {
	s.now = s.now.Add(time.Minute)
	return s.now
}

// Folders.

func (s *Server) getFolder(r *http.Request) (int, any) {
	if f, ok := s.folders[r.PathValue("uid")]; ok {
		return http.StatusOK, f
	}
	return http.StatusNotFound, message("folder not found")
}

func (s *Server) createFolder(r *http.Request) (int, any) {
	var body struct {
		UID         string `json:"uid"`
		Title       string `json:"title"`
		Description string `json:"description"`
		ParentUID   string `json:"parentUid"`
	}
	if err := decode(r, &body); err != nil || body.Title == "" || !uidPattern.MatchString(body.UID) {
		return http.StatusBadRequest, message(fmt.Sprintf("title and a valid uid are needed: %v", err))
	}
	if _, taken := s.folders[body.UID]; taken {
		return http.StatusConflict, message("a folder with that uid already exists")
	}
	s.folders[body.UID] = &folder{UID: body.UID, Title: body.Title, Version: 1, ID: int64(len(s.folders) + 1)}
	return http.StatusOK, s.folders[body.UID]
}

func (s *Server) updateFolder(r *http.Request) (int, any) {
	var body struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Version     int64  `json:"version"`
		Overwrite   bool   `json:"overwrite"`
	}
	if err := decode(r, &body); err != nil || body.Title == "" {
		return http.StatusBadRequest, message(fmt.Sprintf("a title is needed: %v", err))
	}
	f, ok := s.folders[r.PathValue("uid")]
	if !ok {
		return http.StatusNotFound, message("folder not found")
	}
	if body.Version != f.Version && !body.Overwrite {
		return http.StatusPreconditionFailed, message("the folder has been changed by someone else")
	}
	f.Title = body.Title
	f.Version++
	return http.StatusOK, f
}

// Data sources.

type sourceCommand struct {
	UID             string            `json:"uid"`
	Name            string            `json:"name"`
	Type            string            `json:"type"`
	Access          string            `json:"access"`
	URL             string            `json:"url"`
	User            string            `json:"user"`
	Database        string            `json:"database"`
	BasicAuth       bool              `json:"basicAuth"`
	BasicAuthUser   string            `json:"basicAuthUser"`
	WithCredentials bool              `json:"withCredentials"`
	IsDefault       bool              `json:"isDefault"`
	JSONData        map[string]any    `json:"jsonData"`
	SecureJSONData  map[string]string `json:"secureJsonData"`
	Version         int64             `json:"version"`
}

func (s *Server) getSource(r *http.Request) (int, any) {
	if d, ok := s.sources[r.PathValue("uid")]; ok {
		return http.StatusOK, d
	}
	return http.StatusNotFound, message("Data source not found")
}

func (s *Server) readSource(r *http.Request) (*sourceCommand, string) {
	var body sourceCommand
	if err := decode(r, &body); err != nil {
		return nil, err.Error()
	}
	if body.Name == "" || body.Type == "" || body.Access != "proxy" || !uidPattern.MatchString(body.UID) ||
		!strings.HasPrefix(body.URL, "http") {
		return nil, "name, type, access, url and a valid uid are needed"
	}
	return &body, ""
}

func (s *Server) createSource(r *http.Request) (int, any) {
	body, problem := s.readSource(r)
	if problem != "" {
		return http.StatusBadRequest, message(problem)
	}
	for _, d := range s.sources {
		if d.Name == body.Name || d.UID == body.UID {
			return http.StatusConflict, message("data source with the same name already exists")
		}
	}
	d := &source{ID: int64(len(s.sources) + 1), UID: body.UID, OrgID: 1}
	s.sources[body.UID] = d
	d.set(body)
	return http.StatusOK, map[string]any{"datasource": d, "id": d.ID, "name": d.Name, "message": "Datasource added"}
}

func (s *Server) updateSource(r *http.Request) (int, any) {
	body, problem := s.readSource(r)
	if problem != "" {
		return http.StatusBadRequest, message(problem)
	}
	d, ok := s.sources[r.PathValue("uid")]
	switch {
	case !ok:
		return http.StatusNotFound, message("Data source not found")
	case d.ReadOnly:
		return http.StatusForbidden, message("Cannot update read-only data source")
	case body.Version < d.Version:
		return http.StatusConflict, message("Datasource has already been updated by someone else. Please reload and try again")
	}
	d.set(body)
	return http.StatusOK, map[string]any{"datasource": d, "id": d.ID, "name": d.Name, "message": "Datasource updated"}
}

// set replaces the record, but keeps secrets that were not sent, as Grafana does.
func (d *source) set(c *sourceCommand) {
	d.Name, d.Type, d.Access, d.URL, d.User, d.Database = c.Name, c.Type, c.Access, c.URL, c.User, c.Database
	d.BasicAuth, d.BasicAuthUser, d.WithCredentials, d.IsDefault = c.BasicAuth, c.BasicAuthUser, c.WithCredentials, c.IsDefault
	d.TypeLogoURL = "public/app/plugins/datasource/" + c.Type + "/img/logo.svg"
	d.JSONData = c.JSONData
	d.Version++
	if d.secrets == nil {
		d.secrets = map[string]string{}
	}
	maps.Copy(d.secrets, c.SecureJSONData)
	d.SecureFields = map[string]bool{}
	for name := range d.secrets {
		d.SecureFields[name] = true
	}
}

// Dashboards.

func (b *board) newest() version { return b.versions[len(b.versions)-1] }

func (s *Server) getBoard(r *http.Request) (int, any) {
	b, ok := s.boards[r.PathValue("uid")]
	if !ok {
		return http.StatusNotFound, message("Dashboard not found")
	}
	now := b.newest()
	return http.StatusOK, map[string]any{
		"dashboard": now.Data,
		"meta": map[string]any{
			"version": now.Number, "folderUid": b.folderUID, "provisioned": b.provisioned, "type": "db", "canSave": true,
			"created": b.versions[0].Created, "createdBy": b.versions[0].CreatedBy,
			"updated": now.Created, "updatedBy": now.CreatedBy, "apiVersion": "v1beta1",
		},
	}
}

func (s *Server) getVersions(r *http.Request) (int, any) {
	b, ok := s.boards[r.PathValue("uid")]
	if !ok {
		return http.StatusNotFound, message("Dashboard not found")
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = 1000
	}
	list := []any{}
	for _, v := range slices.Backward(b.versions) {
		if len(list) < limit {
			list = append(list, v.meta(b, false))
		}
	}
	return http.StatusOK, map[string]any{"continueToken": "", "versions": list}
}

func (s *Server) getVersion(r *http.Request) (int, any) {
	b, ok := s.boards[r.PathValue("uid")]
	if ok {
		for _, v := range b.versions {
			if strconv.FormatInt(v.Number, 10) == r.PathValue("version") {
				return http.StatusOK, v.meta(b, true)
			}
		}
	}
	return http.StatusNotFound, message("Dashboard version not found")
}

func (v version) meta(b *board, data bool) map[string]any {
	out := map[string]any{
		"id": v.Number, "dashboardId": b.id, "uid": v.Data["uid"], "parentVersion": v.Number - 1, "restoredFrom": 0,
		"version": v.Number, "created": v.Created, "createdBy": v.CreatedBy, "message": v.Message,
	}
	if data {
		out["data"] = v.Data
	}
	return out
}

func (s *Server) saveBoard(r *http.Request) (int, any) {
	var body struct {
		Dashboard map[string]any `json:"dashboard"`
		FolderUID string         `json:"folderUid"`
		Message   string         `json:"message"`
		Overwrite bool           `json:"overwrite"`
		UpdatedAt string         `json:"UpdatedAt"` // the client always sends it
	}
	if err := decode(r, &body); err != nil {
		return http.StatusBadRequest, message(err.Error())
	}
	uid, _ := body.Dashboard["uid"].(string)
	title, _ := body.Dashboard["title"].(string)
	sent, _ := body.Dashboard["version"].(float64)
	switch {
	case title == "":
		return http.StatusBadRequest, map[string]string{"message": "Dashboard title cannot be empty", "status": "empty-name"}
	case !uidPattern.MatchString(uid):
		return http.StatusBadRequest, message("uid contains illegal characters or is too long")
	case len([]rune(body.Message)) > 500:
		return http.StatusBadRequest, message("message is too long")
	case body.FolderUID != "" && s.folders[body.FolderUID] == nil:
		return http.StatusBadRequest, message("folder not found")
	}
	b, exists := s.boards[uid]
	switch {
	case exists && b.provisioned:
		return http.StatusBadRequest, message("Cannot save provisioned dashboard")
	case exists && !body.Overwrite && int64(sent) != b.newest().Number:
		return s.ConflictStatus, map[string]string{"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
	}
	saved := s.store(uid, body.FolderUID, body.Dashboard, body.Message, "sa-lookout")
	return http.StatusOK, map[string]any{
		"id": saved.id, "uid": uid, "status": "success", "version": saved.newest().Number, "title": title,
		"url": "/d/" + uid, "folderUid": body.FolderUID,
	}
}

func (s *Server) store(uid, folderUID string, data map[string]any, message, by string) *board {
	b, exists := s.boards[uid]
	if !exists {
		b = &board{id: int64(len(s.boards) + 1)}
		s.boards[uid] = b
	}
	number := int64(1)
	if exists {
		number = b.newest().Number + 1
	}
	b.folderUID = folderUID
	b.versions = append(b.versions, version{
		Number: number, Data: withDefaults(data, b.id, number), Message: message, CreatedBy: by, Created: s.tick(),
	})
	b.versions = b.versions[max(0, len(b.versions)-s.VersionsToKeep):]
	return b
}

// withDefaults fills in what Grafana's server adds to a dashboard that lacks it.
func withDefaults(data map[string]any, id, number int64) map[string]any {
	out := map[string]any{
		"fiscalYearStartMonth": 0.0, "graphTooltip": 0.0, "links": []any{}, "preload": false, "refresh": "", "tags": []any{},
		"templating": map[string]any{"list": []any{}}, "timepicker": map[string]any{}, "weekStart": "", "editable": true,
		"liveNow": false, "timezone": "browser",
	}
	maps.Copy(out, data)
	out["id"], out["version"], out["schemaVersion"] = float64(id), float64(number), 42.0
	return out
}

// Search and annotations.

func (s *Server) search(r *http.Request) (int, any) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 || limit > 5000 {
		return http.StatusUnprocessableEntity, message("Limit is above maximum allowed (5000), use page parameter to access hits beyond limit")
	}
	page, err := strconv.Atoi(query.Get("page"))
	if err != nil || page < 1 || query.Get("type") != "dash-db" {
		return http.StatusBadRequest, message("page and type are needed")
	}
	hits := []any{}
	for _, uid := range slices.Sorted(maps.Keys(s.boards)) {
		b := s.boards[uid]
		tags, _ := b.newest().Data["tags"].([]any)
		if slices.Contains(tags, any(query.Get("tag"))) {
			hits = append(hits, map[string]any{
				"uid": uid, "title": b.newest().Data["title"], "type": "dash-db", "folderUid": b.folderUID, "tags": tags,
			})
		}
	}
	start := min((page-1)*limit, len(hits))
	return http.StatusOK, hits[start:min(start+limit, len(hits))]
}

func (s *Server) getAnnotations(r *http.Request) (int, any) {
	found := []annotation{}
	for _, a := range s.annotations {
		if slices.Contains(a.Tags, r.URL.Query().Get("tags")) {
			found = append(found, a)
		}
	}
	return http.StatusOK, found
}

func (s *Server) postAnnotation(r *http.Request) (int, any) {
	var body annotation
	if err := decode(r, &body); err != nil || body.Text == "" || body.Time == 0 {
		return http.StatusBadRequest, message(fmt.Sprintf("text and time are needed: %v", err))
	}
	body.ID = int64(len(s.annotations) + 1)
	s.annotations = append(s.annotations, body)
	return http.StatusOK, map[string]any{"id": body.ID, "message": "Annotation added"}
}
