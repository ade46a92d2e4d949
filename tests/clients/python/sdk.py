"""The Graph SDK for Python as the tour uses it: models, client and errors.

The SDK keeps each model in a module of its own; here they are gathered, so that
the steps read without a page of imports.
"""

from typing import Any, Awaitable, Optional

from azure.core.credentials import AccessToken
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph_beta import GraphServiceClient
from msgraph_beta.generated.device_management.device_custom_attribute_shell_scripts.item.assign import (
    assign_post_request_body as custom_attribute_assign,
)
from msgraph_beta.generated.device_management.device_management_scripts.item.assign import (
    assign_post_request_body as powershell_assign,
)
from msgraph_beta.generated.device_management.device_shell_scripts.item.assign import (
    assign_post_request_body as shell_assign,
)
from msgraph_beta.generated.models.all_devices_assignment_target import AllDevicesAssignmentTarget
from msgraph_beta.generated.models.all_licensed_users_assignment_target import (
    AllLicensedUsersAssignmentTarget,
)
from msgraph_beta.generated.models.configuration_manager_collection_assignment_target import (
    ConfigurationManagerCollectionAssignmentTarget,
)
from msgraph_beta.generated.models.device_custom_attribute_shell_script import (
    DeviceCustomAttributeShellScript,
)
from msgraph_beta.generated.models.device_custom_attribute_value_type import (
    DeviceCustomAttributeValueType,
)
from msgraph_beta.generated.models.device_management_script import DeviceManagementScript
from msgraph_beta.generated.models.device_management_script_assignment import (
    DeviceManagementScriptAssignment,
)
from msgraph_beta.generated.models.device_management_script_device_state import (
    DeviceManagementScriptDeviceState,
)
from msgraph_beta.generated.models.device_management_script_user_state import (
    DeviceManagementScriptUserState,
)
from msgraph_beta.generated.models.device_shell_script import DeviceShellScript
from msgraph_beta.generated.models.exclusion_group_assignment_target import (
    ExclusionGroupAssignmentTarget,
)
from msgraph_beta.generated.models.group import Group
from msgraph_beta.generated.models.group_assignment_target import GroupAssignmentTarget
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.run_as_account_type import RunAsAccountType
from msgraph_beta.generated.models.run_state import RunState
from msgraph_beta.graph_request_adapter import GraphRequestAdapter

from tour import Server

# Each route of the SDK has a request body class of its own for `assign`.
ASSIGN_BODY = {
    "deviceShellScripts": shell_assign.AssignPostRequestBody,
    "deviceManagementScripts": powershell_assign.AssignPostRequestBody,
    "deviceCustomAttributeShellScripts": custom_attribute_assign.AssignPostRequestBody,
}


class StaticCredential:
    """A credential that has its token already."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Answers the same token for any scope."""
        return AccessToken(self._token, 2**31)


def client_for(server: Server, token: str) -> GraphServiceClient:
    """The SDK's client with nothing changed but the base URL."""
    adapter = GraphRequestAdapter(AzureIdentityAuthenticationProvider(StaticCredential(token)))
    adapter.base_url = server.base_url
    return GraphServiceClient(request_adapter=adapter)


def options(builder: Any, **parameters: Any) -> RequestConfiguration:
    """A request configuration with the query parameters of `builder`'s GET."""
    kinds = [
        kind for name, kind in vars(type(builder)).items() if name.endswith("GetQueryParameters")
    ]
    return RequestConfiguration(query_parameters=kinds[0](**parameters))


async def error_of(call: Awaitable[Any]) -> Optional[ODataError]:
    """The SDK's error that `call` ends with; `None` when it succeeds."""
    try:
        await call
    except ODataError as error:
        return error
    return None
