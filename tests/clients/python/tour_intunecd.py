"""The tour of IntuneCD: its backup of scripts, and its update of them back.

IntuneCD (2.6.0) has no setting for the address of Graph. It is the literal
`https://graph.microsoft.com` in `BaseBackupModule.endpoint` and
`BaseUpdateModule.endpoint`, and again inside `BaseGraphModule` for `$batch`,
`groups` and `assignmentFilters`. Everything goes through one method,
`BaseGraphModule.make_graph_request`, whose `endpoint` this tour rewrites; that
is the only change to IntuneCD.
"""

import contextlib
import glob
import io
import json
import os
import shutil
import tempfile
from typing import Any

from IntuneCD.backup.Intune.CustomAttributes import CustomAttributesBackupModule
from IntuneCD.backup.Intune.PowershellScripts import PowershellScriptsBackupModule
from IntuneCD.backup.Intune.ShellScripts import ShellScriptsBackupModule
from IntuneCD.intunecdlib.BaseGraphModule import BaseGraphModule
from IntuneCD.update.Intune.CustomAttributes import CustomAttributesUpdateModule
from IntuneCD.update.Intune.PowerShellScripts import PowerShellScriptsUpdateModule
from IntuneCD.update.Intune.ShellScripts import ShellScriptsUpdateModule

from tour import COLLECTIONS, Server, Step, key, script_body, unique_prefix

GRAPH = "https://graph.microsoft.com"

BACKUP = {
    "deviceShellScripts": ShellScriptsBackupModule,
    "deviceManagementScripts": PowershellScriptsBackupModule,
    "deviceCustomAttributeShellScripts": CustomAttributesBackupModule,
}

UPDATE = {
    "deviceShellScripts": ShellScriptsUpdateModule,
    "deviceManagementScripts": PowerShellScriptsUpdateModule,
    "deviceCustomAttributeShellScripts": CustomAttributesUpdateModule,
}

FOLDER = {
    "deviceShellScripts": "Scripts/Shell",
    "deviceManagementScripts": "Scripts/Powershell",
    "deviceCustomAttributeShellScripts": "Custom Attributes",
}


class IntuneCdTour:
    """The state that one step leaves for the next."""

    def __init__(self, server: Server, folder: str) -> None:
        self.server = server
        self.folder = folder
        self.prefix = unique_prefix("intunecd")
        self.scripts: dict[str, list[str]] = {}
        self.group = ""
        # Requests that IntuneCD took for failed, as "METHOD path: why".
        self.refusals: list[str] = []
        self.change_endpoint()

    def change_endpoint(self) -> None:
        """Sends IntuneCD's requests to the server under test, all else as it is."""
        make_graph_request = BaseGraphModule.make_graph_request
        tour = self

        def at_the_server(self: Any, endpoint: str, *rest: Any, **named: Any) -> Any:
            endpoint = endpoint.replace(GRAPH, tour.server.root_url, 1)
            try:
                return make_graph_request(self, endpoint, *rest, **named)
            except Exception as error:
                path = endpoint.removeprefix(tour.server.root_url)
                tour.refusals.append(f"{named.get('method', 'GET')} {path}: {error}")
                raise

        BaseGraphModule.make_graph_request = at_the_server

    def run(self) -> None:
        """All steps, in order."""
        self.arrange()
        for collection in COLLECTIONS:
            self.back_up(collection)
        self.leave_the_backup()
        for collection in COLLECTIONS:
            self.update(collection)
        for collection in UPDATE:
            self.assign(collection)
        self.clean_up()

    def arrange(self) -> None:
        """Two scripts of each kind; the first is assigned to a group."""
        with Step("arrange scripts, a group and assignments") as step:
            group = self.server.plain(
                "POST",
                "/groups",
                {
                    "displayName": self.prefix,
                    "mailNickname": self.prefix,
                    "mailEnabled": False,
                    "securityEnabled": True,
                },
            )
            step.equal("status for the group", 201, group.status)
            self.group = group.json()["id"]
            for collection in COLLECTIONS:
                self.scripts[collection] = []
                for number in range(2):
                    body = script_body(
                        collection, f"{self.prefix}-{number}", f"#!/bin/sh\necho {number}\n"
                    )
                    made = self.server.plain("POST", f"/deviceManagement/{collection}", body)
                    step.equal(f"status in {collection}", 201, made.status)
                    self.scripts[collection].append(made.json()["id"])
                target = {
                    "@odata.type": "#microsoft.graph.groupAssignmentTarget",
                    "groupId": self.group,
                }
                done = self.server.plain(
                    "POST",
                    f"/deviceManagement/{collection}/{self.scripts[collection][0]}/assign",
                    {"deviceManagementScriptAssignments": [{"target": target}]},
                )
                step.true("assign succeeded", done.status in (200, 204))

    def module(self, kind: type, **more: Any) -> Any:
        """One of IntuneCD's modules, as its command line would make it."""
        return kind(
            token={"access_token": self.server.token},
            path=self.folder,
            filetype="json",
            exclude=[],
            **more,
        )

    def quietly(self, module: Any) -> Any:
        """Runs a module with its log kept from the tour's own lines."""
        log = io.StringIO()
        with contextlib.redirect_stdout(log):
            result = module.main()
        if result is None:
            print(log.getvalue())
        return result

    def file_of(self, collection: str, number: int) -> str:
        """The file that IntuneCD keeps a script's settings in.

        It adds the script's type to the name if the server names it.
        """
        found = glob.glob(
            os.path.join(self.folder, FOLDER[collection], f"{self.prefix}-{number}*.json")
        )
        return found[0] if len(found) == 1 else f"one file, but there are {found}"

    def text_of(self, collection: str, number: int) -> str:
        """The file that IntuneCD keeps a script's text in."""
        ending = "ps1" if collection == "deviceManagementScripts" else "sh"
        name = f"{self.prefix}-{number}.{ending}"
        return os.path.join(self.folder, FOLDER[collection], "Script Data", name)

    def back_up(self, collection: str) -> None:
        """List, `$batch` for the content, `$batch` for assignments and groups."""
        with Step(f"backup of {collection}") as step:
            done = self.quietly(self.module(BACKUP[collection], prefix=self.prefix))
            step.equal("requests that IntuneCD took for failed", [], self.refusals)
            step.true("the module ended well", done is not None)
            step.equal("scripts backed up", 2, done["config_count"])
            for number in range(2):
                with open(self.file_of(collection, number), encoding="utf-8") as file:
                    saved = json.load(file)
                sent = script_body(
                    collection, f"{self.prefix}-{number}", f"#!/bin/sh\necho {number}\n"
                )
                step.equal("settings", sent, {name: saved.get(name) for name in sent})
                with open(self.text_of(collection, number), encoding="utf-8") as file:
                    step.equal("text", f"#!/bin/sh\necho {number}\n", file.read())
                targets = [one["target"] for one in saved.get("assignments", [])]
                if number == 0:
                    step.equal("assignments of the first", 1, len(targets))
                    step.equal("groupName", self.prefix, targets[0].get("groupName"))
                    step.equal("groupType", "StaticMembership", targets[0].get("groupType"))
                else:
                    step.equal("assignments of the second", [], targets)
            step.says(f"{done['config_count']} scripts with text and assignments")

    def leave_the_backup(self) -> None:
        """A copy for whoever started the tour, who may want to see what it is good for."""
        folder = os.environ.get("RUNSTATE_BACKUP_DIR")
        if folder:
            with Step("leave the backup") as step:
                shutil.copytree(self.folder, folder)
                step.says(folder)

    def update(self, collection: str) -> None:
        """Settings and text changed in the folder, one script lost on the server."""
        with Step(f"update of {collection}") as step:
            path = f"/deviceManagement/{collection}"
            self.change(collection, description="changed in the folder")
            with open(self.text_of(collection, 0), "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\necho changed\n")
            lost = self.scripts[collection][1]
            gone = self.server.plain("DELETE", f"{path}/{key(lost)}")
            step.equal("status of the delete", 204, gone.status)

            done = self.quietly(self.module(UPDATE[collection], handle_assignment=False))
            step.equal("requests that IntuneCD took for failed", [], self.refusals)
            step.true("the module ended well", done is not None)

            first = self.server.plain("GET", f"{path}/{key(self.scripts[collection][0])}").json()
            wanted = script_body(collection, f"{self.prefix}-0", "#!/bin/sh\necho changed\n")
            wanted["description"] = "changed in the folder"
            step.equal("the first script", wanted, {name: first.get(name) for name in wanted})
            query = f"?$filter=displayName%20eq%20'{self.prefix}-1'"
            second = self.server.plain("GET", path + query).json()["value"]
            step.equal("scripts with the lost one's name", 1, len(second))
            step.true("it has a new id", second[0]["id"] != lost)
            self.scripts[collection][1] = second[0]["id"]
            made = self.server.plain("GET", f"{path}/{key(second[0]['id'])}").json()
            wanted = script_body(collection, f"{self.prefix}-1", "#!/bin/sh\necho 1\n")
            step.equal("the second script", wanted, {name: made.get(name) for name in wanted})
            step.says("1 changed, 1 made again")

    def assign(self, collection: str) -> None:
        """Assignments of the first script.

        For shell scripts and custom attributes, too, it sends `assign` to
        `deviceManagementScripts`.
        """
        with Step(f"update of the assignments of {collection}") as step:
            everybody = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
            with open(self.file_of(collection, 0), encoding="utf-8") as file:
                saved = json.load(file)
            self.change(collection, assignments=saved["assignments"] + [everybody])
            done = self.quietly(self.module(UPDATE[collection], handle_assignment=True))
            step.true("the module ended well", done is not None)
            # Microsoft documents 204 for `assign`; IntuneCD counts only 200 as
            # success, and goes on all the same.
            unexpected = [
                one for one in self.refusals if "/assign: " not in one or " with 204 " not in one
            ]
            step.equal("requests that failed otherwise", [], unexpected)
            path = f"/deviceManagement/{collection}/{key(self.scripts[collection][0])}/assignments"
            read = [one["target"] for one in self.server.plain("GET", path).json()["value"]]
            step.equal(
                "targets",
                [
                    ("#microsoft.graph.allDevicesAssignmentTarget", None),
                    ("#microsoft.graph.groupAssignmentTarget", self.group),
                ],
                sorted((one["@odata.type"], one.get("groupId")) for one in read),
            )
            step.says("the group by its name, and all devices")

    def change(self, collection: str, **settings: Any) -> None:
        """Changes settings of the first script in the folder."""
        path = self.file_of(collection, 0)
        with open(path, encoding="utf-8") as file:
            saved = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(saved | settings, file)

    def clean_up(self) -> None:
        """Everything that the tour made."""
        with Step("delete") as step:
            for collection, ids in self.scripts.items():
                for script in ids:
                    gone = self.server.plain(
                        "DELETE", f"/deviceManagement/{collection}/{key(script)}"
                    )
                    step.equal(f"status in {collection}", 204, gone.status)
            gone = self.server.plain("DELETE", f"/groups/{key(self.group)}")
            step.equal("status for the group", 204, gone.status)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="runstate-intunecd-") as temporary:
        IntuneCdTour(Server(), temporary).run()
