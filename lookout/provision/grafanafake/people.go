package grafanafake

import (
	"encoding/json"
	"slices"
	"testing"
)

// What people do in Grafana's own pages, and what a test wants to look at.

// Fail queues an answer.
func (s *Server) Fail(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.failures = append(s.failures, &f)
}

// EditDashboard changes a dashboard as somebody does in the editor, which also writes out what was implied.
func (s *Server) EditDashboard(uid, by, message string, edit func(map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.boards[uid]
	if !ok {
		s.tb.Fatalf("no dashboard %s", uid)
	}
	data := clone(s.tb, b.newest().Data)
	writeOut(data)
	edit(data)
	s.store(uid, b.folderUID, data, message, by)
}

// writeOut does what the editor does on every save, whatever the edit.
func writeOut(data map[string]any) {
	panels, _ := data["panels"].([]any)
	for _, p := range panels {
		panel, _ := p.(map[string]any)
		if panel["type"] == "row" {
			continue
		}
		panel["pluginVersion"] = "12.4.4"
		panel["transparent"] = false
		targets, _ := panel["targets"].([]any)
		for _, q := range targets {
			target, _ := q.(map[string]any)
			target["datasource"] = panel["datasource"]
			target["hide"] = false
		}
	}
	templating, _ := data["templating"].(map[string]any)
	list, _ := templating["list"].([]any)
	for _, v := range list {
		variable, _ := v.(map[string]any)
		variable["options"] = []any{}
		if variable["type"] == "query" {
			variable["query"] = map[string]any{
				"qryType": 1.0, "query": variable["query"], "refId": "PrometheusVariableQueryEditor-VariableQuery",
			}
		}
	}
}

// AddDashboard puts a dashboard there that somebody made by hand.
func (s *Server) AddDashboard(folderUID string, data map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uid, _ := data["uid"].(string)
	s.store(uid, folderUID, data, "", "anna")
}

// MoveDashboard moves a dashboard to another folder, which makes no version.
func (s *Server) MoveDashboard(uid, folderUID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boards[uid].folderUID = folderUID
}

// ProvisionDashboard puts a dashboard there that Grafana loads from a file.
func (s *Server) ProvisionDashboard(folderUID string, data map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uid, _ := data["uid"].(string)
	s.store(uid, folderUID, data, "", "").provisioned = true
}

// RenameFolder renames a folder.
func (s *Server) RenameFolder(uid, title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folders[uid].Title = title
	s.folders[uid].Version++
}

// DataSource is a data source as a person sees it in its form.
type DataSource struct {
	Name, Type, URL  string
	BasicAuth        bool
	BasicAuthUser    string
	IsDefault        bool
	ReadOnly         bool
	Settings         map[string]any
	Secrets          map[string]string
	storedVersionNow int64
}

// DataSource returns a data source, and whether it exists.
func (s *Server) DataSource(uid string) (DataSource, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.sources[uid]
	if !ok {
		return DataSource{}, false
	}
	return DataSource{
		Name: d.Name, Type: d.Type, URL: d.URL, BasicAuth: d.BasicAuth, BasicAuthUser: d.BasicAuthUser, IsDefault: d.IsDefault,
		ReadOnly: d.ReadOnly, Settings: clone(s.tb, d.JSONData), Secrets: d.secrets, storedVersionNow: d.Version,
	}, true
}

// SaveDataSource saves a data source as somebody does in its form, or makes one.
func (s *Server) SaveDataSource(uid string, d DataSource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[uid] = &source{
		ID: 1, UID: uid, OrgID: 1, Name: d.Name, Type: d.Type, Access: "proxy", URL: d.URL, BasicAuth: d.BasicAuth,
		BasicAuthUser: d.BasicAuthUser, IsDefault: d.IsDefault, ReadOnly: d.ReadOnly, JSONData: d.Settings, secrets: d.Secrets,
		Version: d.storedVersionNow + 1, SecureFields: map[string]bool{},
	}
}

// Dashboard returns the newest state of a dashboard, or nil.
func (s *Server) Dashboard(uid string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.boards[uid]
	if !ok {
		return nil
	}
	return clone(s.tb, b.newest().Data)
}

// DashboardFolder returns the uid of the folder that a dashboard is in.
func (s *Server) DashboardFolder(uid string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boards[uid].folderUID
}

// Messages returns the messages of a dashboard's versions, oldest first.
func (s *Server) Messages(uid string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, v := range s.boards[uid].versions {
		out = append(out, v.Message)
	}
	return out
}

// Annotations returns the texts of all annotations.
func (s *Server) Annotations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, a := range s.annotations {
		out = append(out, a.Text)
	}
	return out
}

// Writes returns the requests so far that could change something.
func (s *Server) Writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// ForgetWrites starts the list of writes anew.
func (s *Server) ForgetWrites() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes, s.widest = nil, 0
}

// WidestWrites is how many writes were under way at once at most.
func (s *Server) WidestWrites() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.widest
}

// Requests is the number of requests so far.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func clone(tb testing.TB, in map[string]any) map[string]any {
	tb.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		tb.Fatal(err)
	}
	return out
}
