--- What the pages do beyond links and forms, if scripts run: elements with `data-live` are fetched anew every so many
--- seconds and replaced, times are also told in the browser's own time zone.
return [[
"use strict";
(function () {
  var LONGEST_WAIT = 60; // seconds, after failures
  var loading = new Set(); // addresses

  function tellTimes(root) {
    root.querySelectorAll("time[datetime]").forEach(function (time) {
      var at = new Date(time.dateTime);
      if (!isNaN(at)) time.title = time.dateTime + "\n" + at.toLocaleString() + " in your time zone";
    });
  }

  function keysOf(element) {
    var keys = new Set();
    element.querySelectorAll("[data-key]").forEach(function (one) { keys.add(one.dataset.key); });
    return keys;
  }

  function showFresh(before, after) {
    var known = keysOf(before);
    after.querySelectorAll("[data-key]").forEach(function (one) {
      if (!known.has(one.dataset.key)) one.classList.add("fresh");
    });
  }

  function isUsed(element) {
    var selection = document.getSelection();
    return element.contains(document.activeElement) ||
      (selection && !selection.isCollapsed && element.contains(selection.anchorNode));
  }

  function control(element) {
    var line = document.createElement("p"), status = document.createElement("span");
    var button = document.createElement("button");
    line.className = "live";
    button.type = "button";
    line.append(status, button);
    (document.querySelector(".heading") || element.parentNode).append(line);
    return {
      paused: false,
      button: button,
      tell: function (words, kind) {
        status.textContent = words;
        line.className = "live " + (kind || "");
        button.textContent = this.paused ? "Go on" : "Pause";
      }
    };
  }

  function fetchPage(address) {
    return fetch(address, { credentials: "same-origin", redirect: "error", cache: "no-store" })
      .then(function (response) {
        if (!response.ok) throw new Error("status " + response.status);
        return response.text();
      })
      .then(function (body) { return new DOMParser().parseFromString(body, "text/html"); });
  }

  // What takes seconds comes after the page, from one that has the same element.
  function loadLater(root) {
    root.querySelectorAll("[data-from][id]").forEach(function (element) {
      var from = element.dataset.from;
      if (loading.has(from)) return;
      loading.add(from);
      fetchPage(from).then(function (page) {
        var before = document.getElementById(element.id), after = page.getElementById(element.id);
        if (!before || !after || !before.dataset.from) return;
        after = document.adoptNode(after);
        tellTimes(after);
        before.replaceWith(after);
      }).catch(function () {}).then(function () { loading.delete(from); });
    });
  }

  function follow(id, seconds) {
    var shown = control(document.getElementById(id)), wait = seconds, timer = null;

    function later() {
      clearTimeout(timer);
      timer = setTimeout(turn, wait * 1000);
    }

    function replace(page) {
      var before = document.getElementById(id), after = page.getElementById(id);
      if (!after) throw new Error("not the page");
      if (isUsed(before) || shown.paused) return;
      after = document.adoptNode(after);
      showFresh(before, after);
      tellTimes(after);
      before.replaceWith(after);
      loadLater(after);
      shown.tell("Live, every " + seconds + " s. Updated " + new Date().toISOString().slice(11, 19) + " UTC");
    }

    function turn() {
      if (shown.paused) return;
      if (document.hidden || isUsed(document.getElementById(id))) return later();
      fetchPage(location.href).then(replace).then(function () { wait = seconds; }, function () {
        wait = Math.min(2 * wait, LONGEST_WAIT);
        if (shown.paused) return;
        shown.tell("Not updated: no answer, or you are signed out. Trying again in " + wait + " s", "broken");
      }).then(later);
    }

    shown.button.addEventListener("click", function () {
      shown.paused = !shown.paused;
      shown.tell(shown.paused ? "Paused" : "Live, every " + seconds + " s", shown.paused ? "paused" : "");
      wait = seconds;
      if (!shown.paused) turn();
    });
    document.addEventListener("visibilitychange", function () { if (!document.hidden) turn(); });
    shown.tell("Live, every " + seconds + " s");
    later();
  }

  document.querySelectorAll("[data-live][id]").forEach(function (element) {
    follow(element.id, Number(element.dataset.live));
  });
  tellTimes(document);
  loadLater(document);
})();
]]
