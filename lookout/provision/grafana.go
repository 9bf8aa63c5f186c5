package provision

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-openapi/runtime"
	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	goapi "github.com/grafana/grafana-openapi-client-go/client"
	"github.com/grafana/grafana-openapi-client-go/client/annotations"
	grafanadashboards "github.com/grafana/grafana-openapi-client-go/client/dashboards"
	"github.com/grafana/grafana-openapi-client-go/client/datasources"
	"github.com/grafana/grafana-openapi-client-go/client/folders"
	"github.com/grafana/grafana-openapi-client-go/client/health"
	"github.com/grafana/grafana-openapi-client-go/client/search"
	"github.com/grafana/grafana-openapi-client-go/models"
)

// Config says how to reach Grafana.
type Config struct {
	URL      string // of Grafana's start page; http or https, without credentials in it
	Token    string // of a service account; or else
	User     string // a user and
	Password string // password
	// Timeout bounds the wait for one answer; 0 means 30 seconds.
	Timeout time.Duration
	// Sleep waits before another attempt; nil means to really wait. Tests replace it.
	Sleep func(context.Context, time.Duration) error
}

const defaultTimeout = 30 * time.Second

func (c Config) authenticate(request *http.Request) {
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
		return
	}
	request.SetBasicAuth(c.User, c.Password)
}

// Grafana is one Grafana server. This is the only place that knows its HTTP API: Grafana 13 begins to replace /api by
// /apis, and what speaks the new one has to offer no more than these methods.
type Grafana struct {
	api   *goapi.GrafanaHTTPAPI
	base  string
	sleep func(context.Context, time.Duration) error
}

// Connect prepares to talk to Grafana; it sends nothing yet. It fails when the URL cannot be one of Grafana's, or when
// there are no credentials.
func Connect(config Config) (*Grafana, error) {
	address, err := url.Parse(config.URL)
	switch {
	case err != nil:
		return nil, errors.New("the Grafana URL cannot be read: it must look like http://localhost:3000") // err would show a password in it
	case address.User != nil:
		return nil, errors.New("the Grafana URL holds credentials, which end up in logs: use GRAFANA_TOKEN, --token-file or --password-file")
	case address.Scheme != "http" && address.Scheme != "https" || address.Host == "":
		return nil, fmt.Errorf("the Grafana URL %q must look like http://localhost:3000", config.URL)
	case config.Token == "" && (config.User == "" || config.Password == ""):
		return nil, errors.New("no credentials for Grafana: set GRAFANA_TOKEN or --token-file, or --grafana-user and --password-file")
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Sleep == nil {
		config.Sleep = sleep
	}
	client := &http.Client{
		Transport: newTransport(config),
		// A redirect leads to a login page or another host; neither may see our requests.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	base := strings.TrimSuffix(address.String(), "/")
	sender := httptransport.NewWithClient(address.Host, path.Join("/", address.Path, "api"), []string{address.Scheme}, client)
	sender.Consumers["*/*"] = runtime.ByteStreamConsumer() // any answer reaches checkedTransport, which tells what is wrong with it
	sender.Debug = false                                   // DEBUG in the environment would print every request, credentials included
	return &Grafana{
		api:   goapi.New(&checkedTransport{sender}, nil, strfmt.Default),
		base:  base,
		sleep: config.Sleep,
	}, nil
}

// URL is Grafana's address.
func (g *Grafana) URL() string { return g.base }

// checkedTransport turns every answer that is not a success into a StatusError. The generated client has a type for each
// status of each operation that its document lists, and another for those that it does not.
type checkedTransport struct{ next runtime.ClientTransport }

// Submit implements runtime.ClientTransport.
func (t *checkedTransport) Submit(operation *runtime.ClientOperation) (any, error) {
	read := operation.Reader
	operation.Reader = runtime.ClientResponseReaderFunc(func(response runtime.ClientResponse, consumer runtime.Consumer) (any, error) {
		if response.Code() >= 300 {
			return nil, readStatusError(response)
		}
		contentType := response.GetHeader("Content-Type")
		if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
			return nil, &notGrafanaError{contentType}
		}
		return read.ReadResponse(response, consumer)
	})
	return t.next.Submit(operation)
}

func (g *Grafana) pause(ctx context.Context, attempt int) error {
	return g.sleep(ctx, backoff(attempt+1))
}

func (g *Grafana) explain(doing string, err error) error { return explain(doing, g.base, err) }

// version is Grafana's version. It needs no permission, so it tells whether Grafana is there at all.
func (g *Grafana) version(ctx context.Context) (string, error) {
	answer, err := g.api.Health.GetHealthWithParams(health.NewGetHealthParamsWithContext(ctx))
	if err != nil {
		return "", g.explain("asking Grafana for its health", err)
	}
	return answer.Payload.Version, nil
}

type liveFolder struct {
	Title   string
	Version int64
}

// folder reads a folder; nil when there is none.
func (g *Grafana) folder(ctx context.Context, uid string) (*liveFolder, error) {
	answer, err := g.api.Folders.GetFolderByUIDWithParams(folders.NewGetFolderByUIDParamsWithContext(ctx).WithFolderUID(uid))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, g.explain(fmt.Sprintf("reading folder %q", uid), err)
	}
	return &liveFolder{Title: answer.Payload.Title, Version: answer.Payload.Version}, nil
}

// createFolder makes a folder.
func (g *Grafana) createFolder(ctx context.Context, folder Folder) error {
	_, err := g.api.Folders.CreateFolderWithParams(folders.NewCreateFolderParamsWithContext(ctx).
		WithBody(&models.CreateFolderCommand{UID: folder.UID, Title: folder.Title}))
	return g.explain("creating the folder", err)
}

// renameFolder sets a folder's title, unless the folder is no longer at the version given.
func (g *Grafana) renameFolder(ctx context.Context, folder Folder, version int64) error {
	_, err := g.api.Folders.UpdateFolderWithParams(folders.NewUpdateFolderParamsWithContext(ctx).WithFolderUID(folder.UID).
		WithBody(&models.UpdateFolderCommand{Title: folder.Title, Version: version}))
	return g.explain("renaming the folder", err)
}

type liveDataSource struct {
	Name     string
	Type     string
	URL      string
	JSONData map[string]any
	ReadOnly bool // loaded from a provisioning file
	stored   *models.DataSource
}

// dataSource reads a data source; nil when there is none. Grafana does not hand out its secrets.
func (g *Grafana) dataSource(ctx context.Context, uid string) (*liveDataSource, error) {
	doing := fmt.Sprintf("reading data source %q", uid)
	answer, err := g.api.Datasources.GetDataSourceByUIDWithParams(datasources.NewGetDataSourceByUIDParamsWithContext(ctx).WithUID(uid))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, g.explain(doing, err)
	}
	stored := answer.Payload
	live := &liveDataSource{Name: stored.Name, Type: stored.Type, URL: stored.URL, ReadOnly: stored.ReadOnly, stored: stored}
	if live.JSONData, err = plain(stored.JSONData); err != nil {
		return nil, g.explain(doing, err)
	}
	return live, nil
}

// proxied says that Grafana's server, and not the browser, talks to the data source.
const proxied = models.DsAccess("proxy")

// createDataSource makes a data source.
func (g *Grafana) createDataSource(ctx context.Context, want DataSource, settings map[string]any) error {
	_, err := g.api.Datasources.AddDataSourceWithParams(datasources.NewAddDataSourceParamsWithContext(ctx).
		WithBody(&models.AddDataSourceCommand{
			UID: want.UID, Name: want.Name, Type: want.Type, URL: want.URL, Access: proxied, JSONData: settings,
		}))
	return g.explain("creating the data source", err)
}

// updateDataSource changes a data source, unless it was changed since it was read. Grafana replaces the whole record but
// keeps secrets that are not sent, so what we do not decide about is sent back as it was.
func (g *Grafana) updateDataSource(ctx context.Context, want DataSource, settings map[string]any, live *liveDataSource) error {
	was := live.stored
	_, err := g.api.Datasources.UpdateDataSourceByUIDWithParams(datasources.NewUpdateDataSourceByUIDParamsWithContext(ctx).
		WithUID(want.UID).
		WithBody(&models.UpdateDataSourceCommand{
			UID: want.UID, Name: want.Name, Type: want.Type, URL: want.URL, Access: proxied, JSONData: settings,
			Version: was.Version, IsDefault: was.IsDefault, BasicAuth: was.BasicAuth, BasicAuthUser: was.BasicAuthUser,
			Database: was.Database, User: was.User, WithCredentials: was.WithCredentials,
		}))
	return g.explain("updating the data source", err)
}

type liveDashboard struct {
	JSON        map[string]any
	Version     int64
	FolderUID   string
	Provisioned bool // loaded from a provisioning file
}

// dashboard reads a dashboard; nil when there is none.
func (g *Grafana) dashboard(ctx context.Context, uid string) (*liveDashboard, error) {
	doing := fmt.Sprintf("reading dashboard %q", uid)
	answer, err := g.api.Dashboards.GetDashboardByUIDWithParams(grafanadashboards.NewGetDashboardByUIDParamsWithContext(ctx).WithUID(uid))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, g.explain(doing, err)
	}
	stored, err := plain(answer.Payload.Dashboard)
	if err != nil || answer.Payload.Meta == nil {
		return nil, g.explain(doing, errors.Join(errors.New("the answer is not a dashboard"), err))
	}
	meta := answer.Payload.Meta
	return &liveDashboard{JSON: stored, Version: meta.Version, FolderUID: meta.FolderUID, Provisioned: meta.Provisioned}, nil
}

// versionsRead is more than the versions that Grafana keeps of a dashboard (versions_to_keep, by default 20).
const versionsRead = 100

// dashboardVersions lists the stored versions of a dashboard, newest first.
func (g *Grafana) dashboardVersions(ctx context.Context, uid string) ([]Save, error) {
	limit := int64(versionsRead)
	answer, err := g.api.Dashboards.GetDashboardVersionsByUID(grafanadashboards.NewGetDashboardVersionsByUIDParamsWithContext(ctx).
		WithUID(uid).WithLimit(&limit))
	if err != nil {
		return nil, g.explain(fmt.Sprintf("reading the versions of dashboard %q", uid), err)
	}
	var saves []Save
	for _, v := range answer.Payload.Versions {
		if v != nil {
			saves = append(saves, Save{Version: v.Version, By: v.CreatedBy, At: time.Time(v.Created).UTC(), Message: v.Message})
		}
	}
	slices.SortFunc(saves, func(a, b Save) int { return int(b.Version - a.Version) })
	return saves, nil
}

// dashboardVersion reads a dashboard as it was at a version.
func (g *Grafana) dashboardVersion(ctx context.Context, uid string, version int64) (map[string]any, error) {
	doing := fmt.Sprintf("reading version %d of dashboard %q", version, uid)
	answer, err := g.api.Dashboards.GetDashboardVersionByUIDWithParams(
		grafanadashboards.NewGetDashboardVersionByUIDParamsWithContext(ctx).WithUID(uid).WithDashboardVersionID(version))
	if err != nil {
		return nil, g.explain(doing, err)
	}
	stored, err := plain(answer.Payload.Data)
	if err != nil {
		return nil, g.explain(doing, err)
	}
	return stored, nil
}

// saveDashboard writes a dashboard, unless it is no longer at the version given; at version 0, unless it exists. The
// folder is always sent: without it Grafana moves the dashboard to the top.
func (g *Grafana) saveDashboard(ctx context.Context, dashboard map[string]any, folderUID string, version int64, message string) error {
	body := without(dashboard, []string{"id", "version"}, nil)
	if version > 0 {
		body["version"] = version
	}
	_, err := g.api.Dashboards.PostDashboardWithParams(grafanadashboards.NewPostDashboardParamsWithContext(ctx).
		WithBody(&models.SaveDashboardCommand{Dashboard: body, FolderUID: folderUID, Message: message, Overwrite: false}))
	return g.explain("saving the dashboard", err)
}

// taggedDashboard is a dashboard as the search finds it.
type taggedDashboard struct{ UID, Title, FolderUID string }

const searchPage = 1000

// taggedDashboards finds all dashboards with a tag.
func (g *Grafana) taggedDashboards(ctx context.Context, tag string) ([]taggedDashboard, error) {
	var found []taggedDashboard
	limit, kind := int64(searchPage), "dash-db"
	for page := int64(1); ; page++ {
		answer, err := g.api.Search.Search(search.NewSearchParamsWithContext(ctx).
			WithTag([]string{tag}).WithType(&kind).WithLimit(&limit).WithPage(&page))
		if err != nil {
			return nil, g.explain("searching for dashboards", err)
		}
		for _, hit := range answer.Payload {
			found = append(found, taggedDashboard{UID: hit.UID, Title: hit.Title, FolderUID: hit.FolderUID})
		}
		if len(answer.Payload) < searchPage {
			return found, nil
		}
	}
}

// deployTag is the tag by which dashboards find deploy annotations.
const deployTag = "deploy"

// annotate marks a deploy on the dashboards. A text that is already there is not posted again, so that a repeated
// pipeline does not mark one deploy twice.
func (g *Grafana) annotate(ctx context.Context, text string) error {
	const doing = "marking the deploy"
	kind := "annotation"
	answer, err := g.api.Annotations.GetAnnotations(annotations.NewGetAnnotationsParamsWithContext(ctx).
		WithTags([]string{deployTag}).WithType(&kind))
	if err != nil {
		return g.explain(doing, err)
	}
	for _, known := range answer.Payload {
		if known.Text == text {
			return nil
		}
	}
	_, err = g.api.Annotations.PostAnnotationWithParams(annotations.NewPostAnnotationParamsWithContext(ctx).
		WithBody(&models.PostAnnotationsCmd{Text: &text, Tags: []string{deployTag}, Time: time.Now().UnixMilli()}))
	return g.explain(doing, err)
}

func absent(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}
