"""The tour of the Graph SDK for Python (`msgraph-beta-sdk`).

Only the SDK's own calls are used, as its documentation shows them; where the
SDK shows less than what crossed the wire (it keeps six digits of a second, and
no body of a batch), the same is read a second time with a plain request.
"""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

from sdk import (
    ASSIGN_BODY,
    AllDevicesAssignmentTarget,
    AllLicensedUsersAssignmentTarget,
    ConfigurationManagerCollectionAssignmentTarget,
    DeviceManagementScriptAssignment,
    DeviceManagementScriptDeviceState,
    DeviceManagementScriptUserState,
    DeviceShellScript,
    ExclusionGroupAssignmentTarget,
    Group,
    GroupAssignmentTarget,
    RunState,
    client_for,
    error_of,
    options,
)
from sdk_subscriptions import SubscriptionSteps
from tour import COLLECTIONS, EXAMPLE_UPDATE, Server, Step, key, script_body


class SdkTour(SubscriptionSteps):
    """The whole tour: scripts, run states, assignments, batches, errors."""

    async def run(self) -> None:
        """All steps, in order."""
        with Step("token by client credentials") as step:
            token = self.server.token_by_client_credentials()
            step.true("the token is not empty", token)
            self.client = client_for(self.server, token)
        for collection in COLLECTIONS:
            await self.create(collection)
            await self.page(collection)
            await self.query(collection)
            await self.get_and_update(collection)
        for collection in COLLECTIONS:
            await self.device_state(collection)
        await self.user_state()
        await self.subscriptions()
        for collection in COLLECTIONS:
            await self.assign(collection)
        await self.batch()
        await self.errors()
        await self.delete()

    async def device_state(self, collection: str) -> None:
        """The states of devices, through the route of this collection."""
        script = self.scripts[collection][0]
        item = self.item(collection, script)
        states = item.device_run_states
        path = f"/deviceManagement/{collection}/{script}/deviceRunStates"
        state = await self.create_state(f"create a run state in {collection}", states)
        one = states.by_device_management_script_device_state_id(state)
        await self.update_state(f"update a run state in {collection}", one, f"{path}/{key(state)}")
        with Step(f"list run states of {collection}") as step:
            for query in ("runState eq 'success'", "errorCode eq 9 and runState ne 'fail'"):
                found = await states.get(options(states, filter=query, orderby=["id"], count=True))
                step.equal(f"ids with {query}", [state], [got.id for got in found.value])
                step.equal(f"count with {query}", 1, found.odata_count)
        with Step(f"runSummary of {collection}") as step:
            summary = await item.run_summary.get()
            step.equal("successDeviceCount", 1, summary.success_device_count)
            step.equal("errorDeviceCount", 0, summary.error_device_count)
            await one.patch(DeviceManagementScriptDeviceState(run_state=RunState.Fail))
            summary = await item.run_summary.get()
            step.equal("successDeviceCount after a failure", 0, summary.success_device_count)
            step.equal("errorDeviceCount after a failure", 1, summary.error_device_count)

    async def create_state(self, name: str, states: Any) -> str:
        """A run state with an id of its own, in the form Intune gives it."""
        with Step(name) as step:
            wanted = f"{self.prefix}:device one"
            made = await states.post(
                DeviceManagementScriptDeviceState(id=wanted, run_state=RunState.Pending)
            )
            step.equal("id", wanted, made.id)
            step.equal("runState", RunState.Pending, made.run_state)
            return made.id

    async def update_state(self, name: str, one: Any, path: str) -> None:
        """The documentation's example, compared property by property."""
        with Step(name) as step:
            answer = await one.patch(
                DeviceManagementScriptDeviceState(
                    odata_type=EXAMPLE_UPDATE["@odata.type"],
                    run_state=RunState.Success,
                    result_message=EXAMPLE_UPDATE["resultMessage"],
                    # A `datetime` has six digits; the SDK passes a string on.
                    last_state_update_date_time=EXAMPLE_UPDATE["lastStateUpdateDateTime"],
                    error_code=EXAMPLE_UPDATE["errorCode"],
                    error_description=EXAMPLE_UPDATE["errorDescription"],
                )
            )
            instant = datetime(2017, 1, 1, 0, 2, 58, 441804, tzinfo=timezone(timedelta(hours=-8)))
            for which, got in (("answer", answer), ("next read", await one.get())):
                step.equal(f"runState in the {which}", RunState.Success, got.run_state)
                step.equal(
                    f"resultMessage in the {which}", "Result Message value", got.result_message
                )
                step.equal(
                    f"lastStateUpdateDateTime in the {which}",
                    instant,
                    got.last_state_update_date_time,
                )
                step.equal(f"errorCode in the {which}", 9, got.error_code)
                step.equal(
                    f"errorDescription in the {which}",
                    "Error Description value",
                    got.error_description,
                )
            raw = self.server.plain("GET", path)
            step.equal("status of a plain read", 200, raw.status)
            step.equal(
                "lastStateUpdateDateTime to the letter",
                EXAMPLE_UPDATE["lastStateUpdateDateTime"],
                raw.json()["lastStateUpdateDateTime"],
            )
            step.says("all properties, seven digits and the offset")

    async def user_state(self) -> None:
        """The fourth route: a run in one user's context on a device."""
        collection = "deviceManagementScripts"
        script = self.scripts[collection][0]
        users = self.item(collection, script).user_run_states
        with Step("create a user run state") as step:
            name = f"{self.prefix}@example.com"
            made = await users.post(
                DeviceManagementScriptUserState(
                    id=f"{script}:{self.prefix}", user_principal_name=name
                )
            )
            step.true("the answer has an id", made.id)
            step.equal("userPrincipalName", name, made.user_principal_name)
        user = users.by_device_management_script_user_state_id(made.id)
        states = user.device_run_states
        state = await self.create_state("create a run state of a user", states)
        await self.update_state(
            "update a run state of a user",
            states.by_device_management_script_device_state_id(state),
            f"/deviceManagement/{collection}/{script}/userRunStates/{key(made.id)}"
            f"/deviceRunStates/{key(state)}",
        )
        with Step("read user run states") as step:
            listed = await users.get()
            step.true("the list has the user", made.id in [one.id for one in listed.value])
            got = await user.get()
            step.equal("userPrincipalName", name, got.user_principal_name)
            nested = await states.get()
            step.equal("the user's states", [state], [one.id for one in nested.value])
            step.equal("count", 1, await states.count.get())

    async def assign(self, collection: str) -> None:
        """Every kind of target, told apart by the SDK's classes."""
        item = self.item(collection, self.scripts[collection][0])
        with Step(f"assign in {collection}") as step:
            while len(self.groups) < 2:
                nickname = f"{self.prefix}-{len(self.groups)}"
                group = await self.client.groups.post(
                    Group(
                        display_name=nickname,
                        mail_nickname=nickname,
                        mail_enabled=False,
                        security_enabled=True,
                    )
                )
                self.groups.append(group.id)
            targets = [
                AllDevicesAssignmentTarget(
                    odata_type="#microsoft.graph.allDevicesAssignmentTarget"
                ),
                AllLicensedUsersAssignmentTarget(
                    odata_type="#microsoft.graph.allLicensedUsersAssignmentTarget"
                ),
                GroupAssignmentTarget(
                    odata_type="#microsoft.graph.groupAssignmentTarget", group_id=self.groups[0]
                ),
                ExclusionGroupAssignmentTarget(
                    odata_type="#microsoft.graph.exclusionGroupAssignmentTarget",
                    group_id=self.groups[1],
                ),
                ConfigurationManagerCollectionAssignmentTarget(
                    odata_type="#microsoft.graph.configurationManagerCollectionAssignmentTarget",
                    collection_id="SMS00001",
                ),
            ]
            await self.assign_targets(collection, item, targets)
            single = await item.get(options(item, expand=["assignments"]))
            for which, read in (
                ("list", (await item.assignments.get()).value),
                ("expansion", single.assignments),
            ):
                got = {type(one.target): one.target for one in read}
                step.equal(f"classes in the {which}", {type(one) for one in targets}, set(got))
                step.equal("groupId", self.groups[0], got[GroupAssignmentTarget].group_id)
                step.equal(
                    "excluded groupId",
                    self.groups[1],
                    got[ExclusionGroupAssignmentTarget].group_id,
                )
                step.equal(
                    "collectionId",
                    "SMS00001",
                    got[ConfigurationManagerCollectionAssignmentTarget].collection_id,
                )
            await self.assign_targets(collection, item, targets[:1])
            left = [type(one.target) for one in (await item.assignments.get()).value]
            step.equal("classes after assigning again", [AllDevicesAssignmentTarget], left)
            step.says("5 kinds of target, then replaced by 1")

    async def assign_targets(self, collection: str, item: Any, targets: list[Any]) -> None:
        """`assign` with these targets and no others."""
        await item.assign.post(
            ASSIGN_BODY[collection](
                device_management_script_assignments=[
                    DeviceManagementScriptAssignment(
                        odata_type="#microsoft.graph.deviceManagementScriptAssignment",
                        target=target,
                    )
                    for target in targets
                ]
            )
        )

    async def batch(self) -> None:
        """Mixed statuses through the SDK's own batch, then the bodies."""
        collection = "deviceShellScripts"
        with Step("$batch with mixed statuses") as step:
            builder, ids = self.builder(collection), self.scripts[collection]
            requests = {
                "read": self.item(collection, ids[0]).to_get_request_information(),
                "missing": self.item(collection, "no-such-script").to_get_request_information(),
                "make": builder.to_post_request_information(self.new_script(collection, 7)),
                "change": self.item(collection, ids[2]).to_patch_request_information(
                    DeviceShellScript(description="changed in a batch")
                ),
                "remove": self.item(collection, ids[6]).to_delete_request_information(),
                "bad": builder.to_get_request_information(
                    options(builder, filter="noSuchProperty eq 1")
                ),
            }
            content = BatchRequestContent()
            for name, request in requests.items():
                content.add_request(name, BatchRequestItem(request, id=name))
            answer = await BatchRequestBuilder(self.client.request_adapter).post(content)
            step.equal(
                "statuses",
                {
                    "read": 200,
                    "missing": 404,
                    "make": 201,
                    "change": 200,
                    "remove": 204,
                    "bad": 400,
                },
                answer.get_response_status_codes(),
            )
            made = await builder.get(options(builder, filter=f"displayName eq '{self.prefix} 7'"))
            step.equal("scripts made in the batch", 1, len(made.value))
            ids[6] = made.value[0].id
            changed = await self.item(collection, ids[2]).get()
            step.equal("description", "changed in a batch", changed.description)
            step.says("200, 404, 201, 200, 204, 400")
        with Step("$batch with dependsOn, and its bodies") as step:
            path = f"/deviceManagement/{collection}"
            head = {"Content-Type": "application/json"}
            body = script_body(collection, f"{self.prefix} 8", "echo 8\n")
            answer = self.server.plain(
                "POST",
                "/$batch",
                {
                    "requests": [
                        {"id": "1", "method": "POST", "url": path, "headers": head, "body": body},
                        {"id": "2", "method": "GET", "url": f"{path}/{ids[0]}", "dependsOn": ["1"]},
                        {"id": "3", "method": "GET", "url": f"{path}/no-such-script"},
                        {"id": "4", "method": "GET", "url": path, "dependsOn": ["3"]},
                    ]
                },
            )
            step.equal("status", 200, answer.status)
            got = {one["id"]: one for one in answer.json()["responses"]}
            step.equal(
                "statuses",
                {"1": 201, "2": 200, "3": 404, "4": 424},
                {name: one["status"] for name, one in got.items()},
            )
            ids.append(got["1"]["body"]["id"])
            step.equal("displayName made", f"{self.prefix} 8", got["1"]["body"]["displayName"])
            step.equal("id read", ids[0], got["2"]["body"]["id"])
            step.true("the 404 has a code", got["3"]["body"]["error"]["code"])
            step.equal(
                "code of the dependent", "FailedDependency", got["4"]["body"]["error"]["code"]
            )

    async def errors(self) -> None:
        """Each refusal as the SDK's own error type."""
        collection = "deviceShellScripts"
        builder, script = self.builder(collection), self.scripts[collection][0]
        state = self.item(
            collection, script
        ).device_run_states.by_device_management_script_device_state_id(f"{self.prefix}:device one")
        reader = client_for(self.server, self.server.read_token)
        nobody = client_for(self.server, "not.a.token")
        change = DeviceManagementScriptDeviceState(additional_data={"noSuchProperty": 1})
        read_only = DeviceShellScript(display_name=f"{self.prefix} refused", file_name="no.sh")
        cases = (
            (
                404,
                "ResourceNotFound",
                "a script that is not there",
                self.item(collection, "no-such-script").get(),
            ),
            (400, "BadRequest", "a property that the type does not have", state.patch(change)),
            (
                400,
                "Request_BadRequest",
                "a filter on a property that is not there",
                builder.get(options(builder, filter="noSuchProperty eq 1")),
            ),
            (
                401,
                "InvalidAuthenticationToken",
                "a token that is none",
                nobody.device_management.device_shell_scripts.get(),
            ),
            (
                403,
                "Authorization_RequestDenied",
                "a write with a token that only reads",
                reader.device_management.device_shell_scripts.post(read_only),
            ),
        )
        for status, code, name, call in cases:
            with Step(f"{status} for {name}") as step:
                error = await error_of(call)
                step.true("an ODataError was raised", error is not None)
                step.equal("status", status, error.response_status_code)
                step.equal("error.code", code, error.error.code)
                step.true("error.message says something", error.error.message)
                step.true("innerError has the request's id", error.error.inner_error.request_id)
                step.says(f"{code}: {error.error.message}")
        with Step("a refused update changes nothing") as step:
            raw = self.server.plain(
                "GET",
                f"/deviceManagement/{collection}/{script}/deviceRunStates"
                f"/{key(self.prefix + ':device one')}",
            )
            got = raw.json()
            step.equal("runState", "fail", got["runState"])
            step.equal("errorCode", 9, got["errorCode"])

    async def delete(self) -> None:
        """Everything that the tour made, so that it can run again and again."""
        with Step("delete") as step:
            collection = "deviceShellScripts"
            states = self.item(collection, self.scripts[collection][0]).device_run_states
            one = states.by_device_management_script_device_state_id(f"{self.prefix}:device one")
            step.equal("answer for a run state", None, await one.delete())
            # Those of the devices that the script was assigned to, which never ran it.
            left = {str(state.run_state.value) for state in (await states.get()).value}
            step.equal("states left", set(), left - {"pending", "notApplicable"})
            for collection, ids in self.scripts.items():
                for script in ids:
                    step.equal("answer", None, await self.item(collection, script).delete())
                builder = self.builder(collection)
                left = await builder.get(options(builder, filter=self.mine()))
                step.equal(f"left in {collection}", [], left.value)
                error = await error_of(self.item(collection, ids[0]).get())
                step.equal("status of a deleted script", 404, error and error.response_status_code)
            for group in self.groups:
                await self.client.groups.by_group_id(group).delete()
            step.says(f"{sum(map(len, self.scripts.values()))} scripts, 2 groups")


if __name__ == "__main__":
    asyncio.run(SdkTour(Server()).run())
