"""The first half of the SDK's tour: scripts created, listed, read and changed."""

from datetime import datetime, timedelta
from typing import Any

from msgraph_beta import GraphServiceClient
from msgraph_core import PageIterator

from sdk import (
    DeviceCustomAttributeShellScript,
    DeviceCustomAttributeValueType,
    DeviceManagementScript,
    DeviceShellScript,
    RunAsAccountType,
    options,
)
from tour import COLLECTIONS, Server, Step, unique_prefix


class ScriptSteps:
    """The steps about scripts, and what one step leaves for the next."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.prefix = unique_prefix("python")
        self.client: GraphServiceClient
        self.scripts: dict[str, list[str]] = {name: [] for name in COLLECTIONS}
        self.groups: list[str] = []

    def builder(self, collection: str) -> Any:
        """The SDK's request builder of a script collection."""
        management = self.client.device_management
        return {
            "deviceShellScripts": management.device_shell_scripts,
            "deviceManagementScripts": management.device_management_scripts,
            "deviceCustomAttributeShellScripts": management.device_custom_attribute_shell_scripts,
        }[collection]

    def item(self, collection: str, script: str) -> Any:
        """The SDK's request builder of one script."""
        builder = self.builder(collection)
        return {
            "deviceShellScripts": lambda: builder.by_device_shell_script_id(script),
            "deviceManagementScripts": lambda: builder.by_device_management_script_id(script),
            "deviceCustomAttributeShellScripts": lambda: (
                builder.by_device_custom_attribute_shell_script_id(script)
            ),
        }[collection]()

    def mine(self) -> str:
        """The filter that leaves only this tour's scripts."""
        return f"startswith(displayName,'{self.prefix}')"

    def new_script(self, collection: str, number: int) -> Any:
        """The SDK's model of the tour's `number`th script of `collection`."""
        common = {
            "display_name": f"{self.prefix} {number}",
            "description": f"script {number}",
            "script_content": f"#!/bin/sh\necho {number} ÿ\n".encode(),
            "run_as_account": RunAsAccountType.System,
            "file_name": f"{self.prefix}-{number}.sh",
            "role_scope_tag_ids": ["0"],
        }
        if collection == "deviceShellScripts":
            # A `timedelta` would be sent as `1:00:00`, which is no Edm.Duration;
            # the SDK passes a string in ISO 8601 on as it is.
            return DeviceShellScript(
                **common,
                execution_frequency="PT1H",
                retry_count=number,
                block_execution_notifications=True,
            )
        if collection == "deviceManagementScripts":
            return DeviceManagementScript(
                **common, enforce_signature_check=False, run_as32_bit=True
            )
        return DeviceCustomAttributeShellScript(
            **common,
            custom_attribute_name=f"attribute {number}",
            custom_attribute_type=DeviceCustomAttributeValueType.Integer,
        )

    async def create(self, collection: str) -> None:
        """Seven scripts, so that pages of two end with a page of one."""
        with Step(f"create in {collection}") as step:
            for number in range(7):
                made = await self.builder(collection).post(self.new_script(collection, number))
                step.true("the answer has an id", made.id)
                step.equal("displayName", f"{self.prefix} {number}", made.display_name)
                step.true("createdDateTime is a time", isinstance(made.created_date_time, datetime))
                self.scripts[collection].append(made.id)
            step.equal("different ids", 7, len(set(self.scripts[collection])))
            step.says("7 scripts")

    async def page(self, collection: str) -> None:
        """Pages of two, followed to the end by the SDK's own iterator."""
        with Step(f"list {collection} with paging") as step:
            builder = self.builder(collection)
            first = await builder.get(
                options(builder, top=2, filter=self.mine(), orderby=["displayName"])
            )
            step.equal("scripts on the first page", 2, len(first.value))
            step.true(
                "the next link is on this server",
                first.odata_next_link.startswith(self.server.base_url + "/"),
            )
            # The iterator tells of no page it fetches, so the adapter is asked.
            adapter, pages = self.client.request_adapter, [1]
            send = adapter.send_async

            async def counting(*arguments: Any) -> Any:
                pages[0] += 1
                return await send(*arguments)

            adapter.send_async = counting
            seen: list[Any] = []
            try:
                await PageIterator(first, adapter).iterate(lambda one: seen.append(one) or True)
            finally:
                del adapter.send_async
            step.equal("ids in order", self.scripts[collection], [one.id for one in seen])
            step.equal("pages", 4, pages[0])
            step.equal("content in a list", [None] * 7, [one.script_content for one in seen])
            step.says(f"{len(seen)} scripts in {pages[0]} pages")

    async def query(self, collection: str) -> None:
        """$filter, $orderby, $select, $expand and $count."""
        builder = self.builder(collection)
        ids = self.scripts[collection]
        with Step(f"$filter on {collection}") as step:
            found = await builder.get(options(builder, filter=f"displayName eq '{self.prefix} 3'"))
            step.equal("ids", [ids[3]], [one.id for one in found.value])
            both = f"{self.mine()} and description ne 'script 3'"
            found = await builder.get(options(builder, filter=both))
            step.equal("ids", sorted(set(ids) - {ids[3]}), sorted(one.id for one in found.value))
        with Step(f"$orderby on {collection}") as step:
            found = await builder.get(
                options(builder, filter=self.mine(), orderby=["displayName desc"], skip=1, top=3)
            )
            step.equal("ids", ids[5:2:-1], [one.id for one in found.value])
        with Step(f"$select on {collection}") as step:
            found = await builder.get(
                options(builder, filter=self.mine(), select=["id", "displayName"], top=1)
            )
            only = found.value[0]
            step.true("id and displayName are there", only.id and only.display_name)
            step.equal("fileName", None, only.file_name)
            step.equal("description", None, only.description)
        with Step(f"$expand=assignments on {collection}") as step:
            found = await builder.get(options(builder, filter=self.mine(), expand=["assignments"]))
            step.equal("assignments of each", [[]] * 7, [one.assignments for one in found.value])
            one = self.item(collection, ids[0])
            single = await one.get(options(one, expand=["assignments"]))
            step.equal("assignments of one", [], single.assignments)
        with Step(f"$count on {collection}") as step:
            found = await builder.get(options(builder, filter=self.mine(), count=True, top=1))
            step.equal("@odata.count", 7, found.odata_count)
            count = await builder.count.get(options(builder.count, filter=self.mine()))
            step.equal("/$count", 7, count)
            step.says("7, in the list and on its own")

    async def get_and_update(self, collection: str) -> None:
        """One script whole, then one property of it changed."""
        item = self.item(collection, self.scripts[collection][1])
        with Step(f"get from {collection}") as step:
            got = await item.get()
            step.equal("scriptContent", "#!/bin/sh\necho 1 ÿ\n".encode(), got.script_content)
            step.equal("runAsAccount", RunAsAccountType.System, got.run_as_account)
            step.equal("roleScopeTagIds", ["0"], got.role_scope_tag_ids)
            if collection == "deviceShellScripts":
                step.equal("executionFrequency", timedelta(hours=1), got.execution_frequency)
                step.equal("retryCount", 1, got.retry_count)
                step.equal("blockExecutionNotifications", True, got.block_execution_notifications)
            elif collection == "deviceManagementScripts":
                step.equal("runAs32Bit", True, got.run_as32_bit)
                step.equal("enforceSignatureCheck", False, got.enforce_signature_check)
            else:
                step.equal("customAttributeName", "attribute 1", got.custom_attribute_name)
                step.equal(
                    "customAttributeType",
                    DeviceCustomAttributeValueType.Integer,
                    got.custom_attribute_type,
                )
        with Step(f"update in {collection}") as step:
            change = type(got)(description="changed", run_as_account=RunAsAccountType.User)
            changed = await item.patch(change)
            again = await item.get()
            for which, one in (("answer", changed), ("next read", again)):
                step.equal(f"description in the {which}", "changed", one.description)
                step.equal(
                    f"runAsAccount in the {which}", RunAsAccountType.User, one.run_as_account
                )
                step.equal(f"displayName in the {which}", f"{self.prefix} 1", one.display_name)
            step.equal("scriptContent", got.script_content, again.script_content)
            step.equal("createdDateTime", got.created_date_time, again.created_date_time)
            step.true(
                "lastModifiedDateTime does not go back",
                again.last_modified_date_time >= got.last_modified_date_time,
            )
