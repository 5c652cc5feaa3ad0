package linesim

import (
	"bytes"
	"net/http"

	"github.com/line-frontdesk/frontdesk/line/rule"
	"github.com/tidwall/gjson"
)

// checkMenu reads the rich menu in the body of a call.
func (s *Simulator) checkMenu(c *call) (*menu, error) {
	var m menu
	if err := c.decode(&m); err != nil {
		return nil, err
	}
	var r rule.Report
	s.checker.menuRule()(&r, gjson.ParseBytes(c.body))
	if r.Details != nil {
		return nil, rule.InBody(r.Details)
	}
	return &m, nil
}

// validateMenu answers POST /v2/bot/richmenu/validate.
func (s *Simulator) validateMenu(c *call) (answer, error) {
	if _, err := s.checkMenu(c); err != nil {
		return answer{}, err
	}
	return success(empty{})
}

// createMenu answers POST /v2/bot/richmenu.
func (s *Simulator) createMenu(c *call) (answer, error) {
	m, err := s.checkMenu(c)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.menus.order) >= maxMenus {
		return answer{}, rule.Refuse(http.StatusBadRequest, "The number of rich menus has reached its limit")
	}
	m.ID = "richmenu-" + randomHex(16)
	s.menus.byID[m.ID] = m
	s.menus.order = append(s.menus.order, m)
	return success(map[string]string{"richMenuId": m.ID})
}

// menuLocked finds the rich menu in the path of a call.
func (s *Simulator) menuLocked(c *call) (*menu, error) {
	if m, ok := s.menus.byID[c.r.PathValue("richMenuId")]; ok {
		return m, nil
	}
	return nil, notFound()
}

// getMenu answers GET /v2/bot/richmenu/{richMenuId}.
func (s *Simulator) getMenu(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.menuLocked(c)
	if err != nil {
		return answer{}, err
	}
	return success(*m)
}

// listMenus answers GET /v2/bot/richmenu/list.
func (s *Simulator) listMenus(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]menu, len(s.menus.order))
	for i, m := range s.menus.order {
		all[i] = *m
	}
	return success(map[string][]menu{"richmenus": all})
}

// deleteMenu answers DELETE /v2/bot/richmenu/{richMenuId}. Users who had it see the default one.
func (s *Simulator) deleteMenu(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.menuLocked(c)
	if err != nil {
		return answer{}, err
	}
	s.menus.remove(m)
	for _, a := range s.userOrder {
		if a.RichMenuID == m.ID {
			s.linkMenuLocked(a, "")
		}
	}
	return success(empty{})
}

// setMenuImage answers POST /v2/bot/richmenu/{richMenuId}/content: once for each rich menu.
func (s *Simulator) setMenuImage(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.menuLocked(c)
	switch {
	case err != nil:
		return answer{}, err
	case m.image != nil:
		return answer{}, rule.Refuse(http.StatusBadRequest, "An image has already been uploaded to the richmenu")
	case len(c.body) == 0:
		return answer{}, rule.Refuse(http.StatusBadRequest, "The image is empty")
	}
	m.image, m.imageType = c.body, mediaTypeOf("image", c.body)
	return success(empty{})
}

// menuImage answers GET /v2/bot/richmenu/{richMenuId}/content.
func (s *Simulator) menuImage(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.menuLocked(c)
	if err != nil {
		return answer{}, err
	}
	if m.image == nil {
		return answer{}, notFound()
	}
	return answer{
		status: http.StatusOK, content: bytes.NewReader(m.image), mediaType: m.imageType, length: int64(len(m.image)),
	}, nil
}

// createAlias answers POST /v2/bot/richmenu/alias.
func (s *Simulator) createAlias(c *call) (answer, error) {
	var a menuAlias
	if err := c.decode(&a); err != nil {
		return answer{}, err
	}
	var r rule.Report
	rule.Object(rule.Must("richMenuAliasId", rule.Word(1, rule.MaxAlias, aliasAlphabet)), rule.Must("richMenuId", nil))(&r, gjson.ParseBytes(c.body))
	if r.Details != nil {
		return answer{}, rule.InBody(r.Details)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, taken := s.menus.alias(a.AliasID)
	switch {
	case taken:
		return answer{}, rule.Refuse(http.StatusBadRequest, "conflict richmenu alias id")
	case s.menus.byID[a.MenuID] == nil:
		return answer{}, rule.Refuse(http.StatusBadRequest, "richmenu not found")
	case len(s.menus.aliases) >= maxMenus:
		return answer{}, rule.Refuse(http.StatusBadRequest, "The number of rich menu aliases has reached its limit")
	}
	s.menus.aliases = append(s.menus.aliases[:i:i], append([]menuAlias{a}, s.menus.aliases[i:]...)...)
	return success(empty{})
}

// aliasAlphabet is what the name of an alias consists of (messaging-api.yml).
const aliasAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz_-"

// aliasLocked finds the alias in the path of a call.
func (s *Simulator) aliasLocked(c *call) (*menuAlias, error) {
	if i, ok := s.menus.alias(c.r.PathValue("richMenuAliasId")); ok {
		return &s.menus.aliases[i], nil
	}
	return nil, rule.Refuse(http.StatusNotFound, "richmenu alias not found")
}

// getAlias answers GET /v2/bot/richmenu/alias/{richMenuAliasId}.
func (s *Simulator) getAlias(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.aliasLocked(c)
	if err != nil {
		return answer{}, err
	}
	return success(*a)
}

// listAliases answers GET /v2/bot/richmenu/alias/list.
func (s *Simulator) listAliases(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return success(map[string][]menuAlias{"aliases": append([]menuAlias{}, s.menus.aliases...)})
}

// updateAlias answers POST /v2/bot/richmenu/alias/{richMenuAliasId}.
func (s *Simulator) updateAlias(c *call) (answer, error) {
	var req struct {
		MenuID string `json:"richMenuId"`
	}
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.aliasLocked(c)
	if err != nil {
		return answer{}, err
	}
	if s.menus.byID[req.MenuID] == nil {
		return answer{}, rule.Refuse(http.StatusBadRequest, "richmenu not found")
	}
	a.MenuID = req.MenuID
	return success(empty{})
}

// deleteAlias answers DELETE /v2/bot/richmenu/alias/{richMenuAliasId}.
func (s *Simulator) deleteAlias(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.menus.alias(c.r.PathValue("richMenuAliasId"))
	if !ok {
		return answer{}, rule.Refuse(http.StatusNotFound, "richmenu alias not found")
	}
	s.menus.aliases = append(s.menus.aliases[:i:i], s.menus.aliases[i+1:]...)
	return success(empty{})
}
