package linesim

import (
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
	"github.com/tidwall/gjson"
)

// maxBulk is how many users one bulk operation takes, and maxBatch how many operations one batch
// (messaging-api.yml).
const (
	maxBulk  = 500
	maxBatch = 1000
)

// setDefaultMenu answers POST /v2/bot/user/all/richmenu/{richMenuId}.
func (s *Simulator) setDefaultMenu(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.shownMenuLocked(c)
	if err != nil {
		return answer{}, err
	}
	s.menus.defaultID = m.ID
	return success(empty{})
}

// shownMenuLocked finds the rich menu in the path of a call, which must have a picture to be shown.
func (s *Simulator) shownMenuLocked(c *call) (*menu, error) {
	m, err := s.menuLocked(c)
	if err == nil && m.image == nil {
		err = rule.Refuse(http.StatusBadRequest, "must upload richmenu image before applying it to user")
	}
	return m, err
}

// defaultMenu answers GET /v2/bot/user/all/richmenu.
func (s *Simulator) defaultMenu(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return menuID(s.menus.defaultID, "no default richmenu")
}

// menuID answers the id of a rich menu, or why there is none.
func menuID(id, none string) (answer, error) {
	if id == "" {
		return answer{}, rule.Refuse(http.StatusNotFound, none)
	}
	return success(map[string]string{"richMenuId": id})
}

// cancelDefaultMenu answers DELETE /v2/bot/user/all/richmenu.
func (s *Simulator) cancelDefaultMenu(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.menus.defaultID = ""
	return success(empty{})
}

// pathUserLocked finds the user in the path of a call.
func (s *Simulator) pathUserLocked(c *call) (*account, error) {
	id := c.r.PathValue("userId")
	if !rule.ChatID(id, "U") {
		return nil, badParameter("userId")
	}
	if a, ok := s.users[id]; ok {
		return a, nil
	}
	return nil, notFound()
}

// menuOfUser answers GET /v2/bot/user/{userId}/richmenu.
func (s *Simulator) menuOfUser(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.pathUserLocked(c)
	if err != nil {
		return answer{}, err
	}
	return menuID(a.RichMenuID, "the user has no richmenu")
}

// linkMenu answers POST /v2/bot/user/{userId}/richmenu/{richMenuId}.
func (s *Simulator) linkMenu(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.pathUserLocked(c)
	if err != nil {
		return answer{}, err
	}
	m, err := s.shownMenuLocked(c)
	if err != nil {
		return answer{}, err
	}
	s.linkMenuLocked(a, m.ID)
	return success(empty{})
}

// unlinkMenu answers DELETE /v2/bot/user/{userId}/richmenu.
func (s *Simulator) unlinkMenu(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.pathUserLocked(c)
	if err != nil {
		return answer{}, err
	}
	s.linkMenuLocked(a, "")
	return success(empty{})
}

// linkMenus answers POST /v2/bot/richmenu/bulk/link; unlinkMenus answers …/bulk/unlink. Users whom the bot does
// not know are left out.
func (s *Simulator) linkMenus(c *call) (answer, error)   { return s.bulk(c, true) }
func (s *Simulator) unlinkMenus(c *call) (answer, error) { return s.bulk(c, false) }

func (s *Simulator) bulk(c *call, link bool) (answer, error) {
	var req struct {
		MenuID  string   `json:"richMenuId"`
		UserIDs []string `json:"userIds"`
	}
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if len(req.UserIDs) < 1 || len(req.UserIDs) > maxBulk {
		return answer{}, rule.InBody([]rule.Detail{{Message: rule.SizeBetween(1, maxBulk), Property: "userIds"}})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if link && s.menus.byID[req.MenuID] == nil {
		return answer{}, rule.Refuse(http.StatusBadRequest, "richmenu not found")
	}
	for _, id := range req.UserIDs {
		if a, ok := s.users[id]; ok {
			s.linkMenuLocked(a, req.MenuID)
		}
	}
	return answer{status: http.StatusAccepted, body: empty{}}, nil
}

// checkBatch reads the operations in the body of a call.
func checkBatch(c *call) ([]gjson.Result, error) {
	if err := c.decode(&struct{}{}); err != nil {
		return nil, err
	}
	var r rule.Report
	v := gjson.ParseBytes(c.body)
	rule.Object(
		rule.Must("operations", rule.List(1, maxBatch, rule.ByType(map[string]rule.Rule{
			"link": rule.Object(rule.Must("from", nil), rule.Must("to", nil)), "unlink": rule.Object(rule.Must("from", nil)), "unlinkAll": rule.Object(),
		}))),
		rule.May("resumeRequestKey", rule.Word(1, 100, rule.WordAlphabet+"-")),
	)(&r, v)
	if r.Details != nil {
		return nil, rule.InBody(r.Details)
	}
	return v.Get("operations").Array(), nil
}

// validateBatch answers POST /v2/bot/richmenu/validate/batch.
func (s *Simulator) validateBatch(c *call) (answer, error) {
	if _, err := checkBatch(c); err != nil {
		return answer{}, err
	}
	return success(empty{})
}

// runBatch answers POST /v2/bot/richmenu/batch. The batch is done at once.
func (s *Simulator) runBatch(c *call) (answer, error) {
	operations, err := checkBatch(c)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.userOrder {
		if id := menuAfter(operations, a.RichMenuID); id == "" || s.menus.byID[id] != nil {
			s.linkMenuLocked(a, id)
		}
	}
	s.menus.batches.put(c.requestID, time.Now())
	return answer{status: http.StatusAccepted, body: empty{}}, nil
}

// menuAfter returns what the first operation that fits makes of a linked rich menu.
func menuAfter(operations []gjson.Result, id string) string {
	for _, op := range operations {
		switch kind := op.Get("type").Str; {
		case id == "" || kind != "unlinkAll" && op.Get("from").Str != id:
		case kind == "link":
			return op.Get("to").Str
		default:
			return ""
		}
	}
	return id
}

// progressOfBatch answers GET /v2/bot/richmenu/progress/batch.
func (s *Simulator) progressOfBatch(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.menus.batches.get(c.r.URL.Query().Get("requestId"))
	if !ok {
		return answer{}, notFound()
	}
	at = at.UTC().Truncate(time.Millisecond)
	return success(map[string]any{"phase": "succeeded", "acceptedTime": at, "completedTime": at})
}
